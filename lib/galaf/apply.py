# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine: takes a plan to the kernel and back.  prepare, commit, settle; confirm, revert, roll_back; stop.

Nothing is active before all of it was found good; what follows the rules, names and the kernel's settings, is told
where it fails, and the rules hold all the same.  The way back from a trial tries until it has succeeded.
"""
import concurrent.futures
import time
from dataclasses import dataclass
from pathlib import Path

from . import generation, paths, trial
from .config import changes
from .errors import GalafError
from .system import accounts, desktop, families, files, granted, groups, iprule, journal, marking, networks, nft
from .system import ping_range, prefetch, resolver, seat, sweep
from .system.run import CommandFailed, run

CLOSED = paths.RUNTIME / "closed"   # why the built-in ruleset is loaded, while it is
SHOWN = 20          # changes
TRIES = 3           # of the way back, before nothing passes until it succeeds
PAUSE = 2, 60       # seconds between two of them: the first, and the most


@dataclass
class Applied:
    """What applying a plan did.

    folder: the generation; before: the configuration before it, or None; changes: what changed, a line each; loaded:
    what loading it did; failed: a sentence for each thing that follows the rules and did not; desktop: what was wrong
    with menu entries and the like, or what is to be known of them, a sentence, or None.
    """

    folder: Path
    before: object = None
    changes: tuple = ()
    loaded: nft.Loaded = None
    failed: tuple = ()
    desktop: str = None

    def state(self):
        """What there is now, in words."""
        audit = generation.meta(self.folder).get("mode") == "audit"
        return f"{'NOT enforced, audit' if audit else 'enforced'}: generation {self.folder.name}"

    def check(self):
        """Raises GalafError for what follows the rules and did not."""
        if self.failed:
            raise GalafError("\n".join(self.failed))

    def said(self):
        """The changes, as many as one reads."""
        more = len(self.changes) - SHOWN
        return [*self.changes[:SHOWN], *([f"and {more} more changes"] if more > 0 else [])]


def check_machine(plan):
    """Raises GalafError for what this machine has against carrying out a plan now."""
    check_no_trial()
    try:
        nft.check_table(plan.conf.table)
    except GalafError as error:
        raise GalafError(f"{plan.file}: {error}; nothing was changed") from None
    if any(entry.domains for entry in plan.conf.entries()) and resolver.obstacle():
        raise GalafError(f"{resolver.obstacle()}; nothing was changed")
    taken = iprule.taken(plan.ids) if plan.ebpf else []
    if taken:
        raise GalafError(f"ip rule routes by the marks of {', '.join(taken[:5])}: {iprule.FIX}; nothing was changed")


def check_no_trial():
    """Raises GalafError while rules are on trial, since going back would bring back what groups were named."""
    note = trial.unanswered()
    if note:
        raise GalafError(f"rules are on trial for another {trial.left(note):.0f} seconds: keep them with "
                         "galaf_config --confirm, or go back with galaf_config --rollback; nothing was changed")


def prepare(plan, before=None):
    """Writes and checks a generation, and makes its groups; returns its folder.  It is not active yet.

    before: the text of the ruleset that is active, where the load may refuse what of it can't be had any more; None to
    check all.  Where it would hold what the good one holds, that is it.
    """
    folder = generation.write(plan.texts)
    try:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            checked = pool.submit(plan.check, folder, before)
            try:
                if plan.ebpf:
                    _start_marking()    # takes as long as the checks
            finally:
                checked.result()
        if plan.new_groups:
            groups.create(plan.new_groups)
        if generation.same(generation.good(), plan.texts):
            generation.drop(folder)
            return generation.good()
        return generation.keep(folder)
    except BaseException:
        generation.drop(folder)
        raise


def _start_marking():
    """Has sockets marked by eBPF, which changes nothing about what they may do."""
    try:
        marking.start()
    except GalafError as error:
        raise GalafError(f"{error}; to mark by nft alone: galaf_config --no-ebpf") from None


def commit(plan, arm=None):
    """Makes a plan active, with the lock; arm: what arms the way back before anything changes, None to keep it.

    Returns an Applied.  finish() has to follow, without the lock.
    """
    good = generation.good()
    before = generation.configuration(good)
    folder = prepare(plan, None if arm else _taken(good))       # with the way back armed nothing is refused any more
    try:
        generation.stage(folder)        # where the disk is full, before there is anything to go back from
        if arm:
            arm()
        done = Applied(folder, before, tuple(difference(before, plan.conf)), _load(plan, folder))
    except BaseException:
        if folder != generation.good():
            generation.drop(folder)
        raise
    if not arm:
        trial.end()
    done.failed = settle(folder)
    done.desktop = settle_desktop(plan.conf)
    journal.log(f"generation {folder.name} loaded by {journal.caller()}: {'; '.join(done.said()) or 'no change'}")
    return done


def _taken(folder):
    """The text of a generation's ruleset, None where there is none, or a damaged one."""
    try:
        return folder and generation.rules(folder)
    except GalafError:
        return None


def _load(plan, folder):
    """activate(); where nft refuses the ruleset, the check of all of it says at which JSON path."""
    try:
        return activate(folder)
    except CommandFailed:
        plan.check(folder)
        raise


def difference(before, after):
    """The lines that tell two configurations' difference (before: None where there was none), absent users left out."""
    return changes.describe(before and accounts.present(before), accounts.present(after))


def finish(plan, applied):
    """What takes its time once the rules are active: names are looked up.  Raises what the apply left undone."""
    if Path("/run/systemd/system").is_dir():    # so that stopping the unit removes them
        run("systemctl", "start", "--no-block", "galaf-firewall.service")
    filled = applied.before and not applied.loaded.empty
    known = {entry.place: entry.domains for entry in applied.before.entries()} if filled else {}
    fresh = [entry for entry in plan.conf.entries() if known.get(entry.place, ()) != entry.domains]
    prefetch.resolve(fresh, plan.ids, plan.conf.table)
    applied.check()


def confirm():
    """Keeps what is on trial, with the lock; returns its generation's folder."""
    if not (trial.unanswered() and trial.end()):
        raise GalafError("nothing is on trial: the rules before it are active, or it was kept already")
    good = generation.good()
    journal.log(f"generation {good.name} kept by {journal.caller()}")
    return good


def give_up():
    """Ends a trial at a person's wish, with the lock; what revert() says of it.

    prefetch.fill() has to follow, without the lock.
    """
    said = revert()
    journal.log(f"trial ended by {journal.caller()}: {said}")
    return said


def roll_back(number):
    """Makes a kept generation active, with the lock; number: "before" for what the good one took the place of.

    Returns an Applied.  prefetch.fill() has to follow, without the lock.
    """
    older = generation.numbered(number)
    others = accounts.others_ids(generation.ids(older))
    if others:
        raise GalafError(f"generation {older.name} can't come back: {others[0]}: edit {paths.CONF} and run "
                         "galaf_config; nothing was changed")
    done = Applied(older, loaded=activate(older))
    trial.end()
    done.failed = settle(older)
    done.desktop = settle_desktop(generation.configuration(older))
    journal.log(f"rolled back to generation {older.name} by {journal.caller()}")
    return done


def activate(folder):
    """Loads a numbered generation and makes it the good one.  Says what loading it did.

    settle() has to follow.
    """
    generation.stage(folder)
    loaded = nft.load(folder)
    _try_all(lambda: networks.fill(folder))     # at once; settle() tries again and tells
    reopen()
    generation.make_good(folder, spare=(trial.noted() or {}).get("before"))
    return loaded


def settle(folder):
    """Gives dnsmasq and the machine's settings what belongs to a generation that is active.

    The rules hold whether this succeeds or not.  Returns what failed, a sentence each.
    """
    return _try_all(lambda: _settle_names(folder), lambda: _settle_marks(folder)) + settle_machine(folder)


def settle_machine(folder):
    """Gives the kernel's settings, polkit and dnsmasq what belongs to a generation that is loaded, and to what is
    allowed for now; returns what failed, a sentence each."""
    return _try_all(lambda: granted.settle_names(folder),
                    lambda: ping_range.settle(generation.text(folder, "sysctl.conf")),
                    lambda: networks.fill(folder),
                    lambda: seat.settle(generation.holds_networks(folder)),
                    lambda: families.settle(generation.text(folder, "socket_families")))


def settle_desktop(conf):
    """Has menu entries and the like start the applications of a configuration, or of none; they hold no rule up.

    Returns what a person should know of it, a sentence, or None.
    """
    try:
        _, new = desktop.update(conf)
    except Exception as error:      # of whatever kind
        journal.log(said := f"menu entries and commands still start applications as before: {error}")
        return said
    return "menu entries and commands start listed applications by galaf once you have logged in again" if new else None


def _try_all(*parts):
    """Calls each of the parts; returns a sentence for each that failed."""
    failed = []
    for part in parts:
        try:
            part()
        except (GalafError, OSError) as error:
            failed.append(f"the rules are loaded, and yet: {error}")
    return failed


def _settle_marks(folder):
    """Has sockets marked, and namespaces and socket families guarded, by eBPF, or not, as a generation has it."""
    if not generation.meta(folder)["ebpf"]:
        marking.stop()
    elif not Path(paths.BPF_PINS).exists():
        _start_marking()


def _settle_names(folder):
    connected = resolver.connect()
    if granted.point_names(folder) or connected or resolver.outdated() is not False:
        resolver.restart(resolver.service())
        sweep.begin(folder)


def reopen():
    """Takes back what stood in for rules that could not be loaded: the note of it, and lib/galaf/close's routing."""
    if CLOSED.exists():
        for family in iprule.families():
            run("ip", family, "rule", "flush", "protocol", "71")
        CLOSED.unlink()


def is_closed():
    """Whether what stands in for rules that could not be loaded is there: the built-in table, or close's routing."""
    return nft.loaded(nft.CLOSED) or any("proto 71" in run("ip", "--details", family, "rule", "show")
                                         for family in iprule.families())


def open_up():
    """Takes everything out, as before the first galaf_config: no firewall at all."""
    folder = generation.good()
    nft.unload(generation.table(folder) if folder else "galaf")
    ping_range.give_back()
    seat.give_back()
    families.settle("")
    if folder:
        paths.GOOD.unlink()
        resolver.forget_options()
    settle_desktop(None)


def resume():
    """Ends a trial whose time is up or that a reboot cut short; has the end of one that goes on waited for.

    Returns a sentence where rules were changed back, else None.
    """
    note = trial.noted()
    if note is None:
        return None
    if trial.left(note) > 0:
        trial.arm(wait_=False)
        return None
    return revert()


def go_back():
    """Ends a trial whose time is up, and tries until it has succeeded: a lock, a disk or nft may not be there now.

    Where the rules before it can't be loaded nothing passes meanwhile, as at boot.  Returns what revert() returns.
    """
    tries = 0
    while True:
        trial.wait()
        try:
            with generation.lock():
                note = trial.noted()
                if note is None or trial.left(note) <= 0:
                    return _revert_or_close(tries)
        except Exception as error:      # of whatever kind: it must not end this
            tries += 1
            journal.log(f"the way back from rules on trial failed, try {tries}: {error}")
            time.sleep(min(PAUSE[0] * tries, PAUSE[1]))


def _revert_or_close(tries):
    """revert(); where that failed TRIES times nothing passes unless the rules before the trial are loaded by now."""
    try:
        return revert()
    except Exception as error:
        before = (trial.noted() or {}).get("before")
        if before is not None and tries + 1 >= TRIES:
            load_or_close(paths.STATE / "generations" / before, error)
        raise


def load_or_close(folder, why):
    """Loads a generation's rules or, where that fails, the built-in ones; why: what is noted then."""
    try:
        nft.load(folder)
    except Exception:
        close(folder, why)


def close(folder, why):
    """Loads the built-in ruleset in the place of a generation's, and notes why; networks are an administrator's."""
    nft.load_closed(generation.table(folder))
    files.replace(CLOSED, f"{why}\n", mode=0o600)
    _try_all(lambda: seat.settle(True))


def revert():
    """Ends a trial: back to the generation before it, or to no firewall; what was tried is not kept.

    Returns a sentence that says so, or None if nothing was on trial.  The trial is on until all that matters is done.
    """
    note = trial.noted()
    if note is None:
        return None
    tried = generation.good()
    folder = paths.STATE / "generations" / str(note["before"])
    if note["before"] is None:
        open_up()
        said = "there was no firewall before, and there is none again"
    else:
        activate(folder)
        said = f"generation {folder.name} is active again"
    trial.end()
    if note["before"] is not None:
        said = "; ".join([said, *settle(folder)])
        settle_desktop(generation.configuration(folder))
    if tried and tried != generation.good():
        generation.drop(tried)
    return said


def stop():
    """Removes the rules until the next start; a trial ends with that: what was good before it is good again.

    Returns a sentence about the trial, or None, and whether rules were removed.
    """
    note, folder = trial.noted(), generation.good()
    reopen()
    removed = nft.unload(generation.table(folder) if folder else "galaf")
    if folder:
        journal.log("\n".join(_try_all(lambda: granted.stop_names(folder))))
    ping_range.give_back()
    seat.give_back()
    if note is None:
        return None, removed
    before = note["before"] and paths.STATE / "generations" / note["before"]
    if before:
        generation.stage(before)
        generation.make_good(before)
    else:
        open_up()
    trial.end()
    if before and before != folder:
        _settle_names(before)
        settle_desktop(generation.configuration(before))
        generation.drop(folder)
    return f"what was on trial is not kept: generation {before.name} is next" if before else None, removed
