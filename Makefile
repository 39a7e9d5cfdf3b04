# SPDX-License-Identifier: GPL-3.0-or-later
# See CONTRIBUTING.md for what each target is for.

prefix = /usr
bindir = $(prefix)/bin
sbindir = $(prefix)/sbin
libdir = $(prefix)/lib/galaf
datadir = $(prefix)/share
unitdir = $(prefix)/lib/systemd/system
nmdir = $(prefix)/lib/NetworkManager/dispatcher.d
generatordir = $(prefix)/lib/systemd
INSTALL = install
# "make check" runs the tests that a package build would run.
DEB_BUILD_OPTIONS ?= nocheck
export DEB_BUILD_OPTIONS

VERSION := $(shell sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)
DEB := dist/galaf_$(VERSION)_$(shell dpkg --print-architecture).deb
# What the package is made of, less what is built in place; folders too, which a removed file makes newer.
SOURCES := $(shell find Makefile bin sbin lib launcher guard bpf etc share systemd man completions debian \
	! -name '*.o' ! -name '*.pyc' ! -name __pycache__ ! -path launcher/galaf ! -path lib/galaf/galaf_guard)

all:
	$(MAKE) -C launcher
	$(MAKE) -C guard
	$(MAKE) -C bpf

# $(call put,MODE,FILES,FOLDER): installs FILES, if there are any, and the blank line ends the command.
define put
	$(if $(strip $(2)),$(INSTALL) -D -m $(1) -t $(DESTDIR)$(3) $(strip $(2)))

endef

install: all
	$(call put,755,$(wildcard bin/*) launcher/galaf,$(bindir))
	$(call put,755,$(wildcard sbin/*),$(sbindir))
	$(call put,644,$(wildcard lib/galaf/*.py lib/galaf/*.json lib/galaf/*.nft lib/galaf/*.bpf.o),$(libdir))
	$(foreach d,$(patsubst lib/galaf/%/__init__.py,%,$(wildcard lib/galaf/*/__init__.py)),\
		$(call put,644,$(wildcard lib/galaf/$(d)/*.py),$(libdir)/$(d)))
	$(call put,755,lib/galaf/close lib/galaf/command lib/galaf/networks lib/galaf/galaf_guard,$(libdir))
	$(call put,644,lib/galaf/environment,$(libdir))
	$(call put,644,$(wildcard systemd/*.service systemd/*.timer systemd/*.path systemd/*.socket),$(unitdir))
	$(call put,644,$(wildcard systemd/user/*),$(prefix)/lib/systemd/user)
	$(foreach d,$(wildcard systemd/*.d),$(call put,644,$(wildcard $(d)/*),$(unitdir)/$(notdir $(d))))
	$(foreach d,user-generators user-environment-generators,\
		$(call put,755,$(wildcard systemd/$(d)/*),$(generatordir)/$(d)))
	$(call put,644,$(wildcard completions/*),$(datadir)/bash-completion/completions)
	$(foreach n,$(sort $(patsubst .%,%,$(suffix $(wildcard man/*)))),\
		$(call put,644,$(wildcard man/*.$(n)),$(datadir)/man/man$(n)))
	$(foreach d,galaf/nftables.d apt/apt.conf.d profile.d X11/Xsession.d xdg/autostart,$(call put,644,$(wildcard etc/$(d)/*),/etc/$(d)))
	$(call put,644,$(wildcard etc/galaf/*.json),/etc/galaf)
	$(call put,755,$(wildcard etc/NetworkManager/dispatcher.d/*),$(nmdir))
	$(foreach d,pre-up.d pre-down.d,$(call put,755,etc/NetworkManager/dispatcher.d/40-galaf-networks,$(nmdir)/$(d)))
	$(call put,644,$(wildcard etc/modprobe.d/*),$(datadir)/galaf/modprobe.d)
	$(call put,644,$(wildcard share/galaf/known/*.json),$(datadir)/galaf/known)
	$(call put,644,$(wildcard share/polkit-1/actions/*),$(datadir)/polkit-1/actions)
	$(foreach d,polkit-1 dbus-1,$(call put,644,$(wildcard etc/$(d)/*),$(datadir)/galaf/$(d)))
	$(foreach d,conf.d dnsmasq.d,\
		$(call put,644,$(wildcard etc/NetworkManager/$(d)/*),$(datadir)/galaf/NetworkManager/$(d)))

# One build at a time, whoever asks; a package newer than its sources is left as it is.
deb:
	mkdir -p build dist
	flock build/lock $(MAKE) --no-print-directory $(DEB)

$(DEB): $(SOURCES)
	rm -rf build/deb
	mkdir -p build/deb/galaf
	tar -c --exclude-vcs --exclude=./build --exclude=./dist . | tar -x -C build/deb/galaf
	cd build/deb/galaf && \
		env -u MAKEFLAGS dpkg-buildpackage -us -uc >../log 2>&1 || \
		{ tail -n 40 ../log >&2; echo "make deb: the build failed; all of it: build/deb/log" >&2; exit 1; }
	rm -f dist/galaf_*.deb
	ln build/deb/$(@F) $@

check:
	/usr/bin/python3 -B -m pytest -q tests/py
	tests/lint --fast

lint: deb
	tests/lint

# Minutes: qemu emulates the machines in software.
test-vm: deb
	tests/run-machines --vm

# The launcher, on random input, under the sanitizers; FUZZ_SECONDS long.
fuzz:
	$(MAKE) -C launcher fuzz

# Each rule and each refusal of the launcher's filter is needed: minutes.
needed:
	tests/needed
	tests/needed --launcher

bench: deb
	tests/setup services
	bench/run

clean:
	$(MAKE) -C launcher clean
	$(MAKE) -C guard clean
	$(MAKE) -C bpf clean
	find . -name __pycache__ -prune -exec rm -rf {} +

.PHONY: all install deb check lint test-vm fuzz needed bench clean
