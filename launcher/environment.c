/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The environment of the application: what is kept of the caller's has a rule for its value, so that a command
 * without arguments connects nowhere of the caller's choosing and reads nobody else's files. */
#define _GNU_SOURCE
#include "galaf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define NAMES(...) (const char *const[]){ __VA_ARGS__, NULL }
#define LAST_DISPLAY 59535u     /* display N is TCP port 6000 + N where its socket is missing; more would wrap */

/* Moves a pointer behind this text, if that is what it points to. */
static bool skip(const char **at, const char *text)
{
    size_t size = strlen(text);
    bool found = strncmp(*at, text, size) == 0;
    if (found)
        *at += size;
    return found;
}

/* Moves a pointer behind a number of up to five digits that is not above LAST_DISPLAY. */
static bool skip_number(const char **at)
{
    unsigned number = 0;
    size_t digits = strspn(*at, "0123456789");
    for (size_t i = 0; i < digits && digits <= 5; i++)
        number = number * 10 + (unsigned)((*at)[i] - '0');
    *at += digits;
    return digits >= 1 && digits <= 5 && number <= LAST_DISPLAY;
}

static bool has_control(const char *value)
{
    for (; *value; value++)
        if ((unsigned char)*value < ' ' || *value == 127)
            return true;
    return false;
}

/* A word that chooses among what is installed, without a path, and without options: Qt's platform "xcb:HOST:N"
 * is a display elsewhere. */
static bool is_word(const char *value)
{
    return value[strspn(value, ALPHANUMERIC "_-.,;+@=*")] == '\0' && !strstr(value, "..");
}

/* Text without a path to elsewhere, and without a % that a translation could turn into a printf format. */
static bool is_text(const char *value)
{
    return value[0] != '/' && !strchr(value, '%') && !strstr(value, "..") && !strstr(value, ":/") &&
           !has_control(value);
}

static bool is_path(const char *value)
{
    return value[0] == '/' && !strstr(value, "/..") && !has_control(value);
}

/* A path to what is the caller's own or root's, or isn't there yet. */
static bool is_own(const char *value)
{
    struct stat file;
    if (!is_path(value))
        return false;
    if (stat(value, &file) != 0)
        return errno == ENOENT;
    return file.st_uid == getuid() || file.st_uid == 0;
}

/* A path to the working directory. */
static bool is_here(const char *value)
{
    struct stat there, here;
    return is_path(value) && stat(value, &there) == 0 && stat(".", &here) == 0 && there.st_dev == here.st_dev &&
           there.st_ino == here.st_ino;
}

/* A path without a blank, which would begin the next item of a list. */
static bool is_socket_path(const char *value)
{
    return is_path(value) && !strchr(value, ' ');
}

/* A socket in XDG_RUNTIME_DIR, or by its path. */
static bool is_socket(const char *value)
{
    return is_socket_path(value) ||
           (value[0] != '\0' && value[0] != '.' && value[strspn(value, ALPHANUMERIC "_-.")] == '\0');
}

/* A display of this machine, :N[.SCREEN].  It is unix: by another name; localhost: is what ssh -X forwards. */
static bool is_display(const char *value)
{
    if (!skip(&value, "unix"))
        skip(&value, "localhost");
    return skip(&value, ":") && skip_number(&value) && (!skip(&value, ".") || skip_number(&value)) && *value == '\0';
}

/* One of PulseAudio's servers, and it is a socket. */
static bool is_sound_server(const char *value)
{
    skip(&value, "unix:");
    return is_socket_path(value);
}

/* Sockets alone, of a session manager of this machine: of another host's name, libICE looks up the address. */
static bool is_session_manager(const char *value)
{
    struct utsname machine;
    if (uname(&machine) != 0)
        return false;
    do {
        if (!skip(&value, "local/") && !skip(&value, "unix/"))
            return false;
        skip(&value, machine.nodename);
        if (!skip(&value, ":@/") && !skip(&value, ":/"))
            return false;
        value += strcspn(value, ",");
    } while (skip(&value, ","));
    return !has_control(value);
}

/* One D-Bus address, and it is that of a socket: D-Bus runs a program for "unixexec:path=...". */
static bool is_bus(const char *value)
{
    return (skip(&value, "unix:path=/") || skip(&value, "unix:abstract=") || strcmp(value, "unix:runtime=yes") == 0) &&
           !strchr(value, ';') && !has_control(value);
}

static bool is_any(const char *value)
{
    return value != NULL;
}

/* What is kept, by what its value must be. */
static const struct { bool (*fits)(const char *value); const char *const *names; } rules[] = {
    { is_own, NAMES("HOME", "ICEAUTHORITY", "XAUTHORITY", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
        "XDG_RUNTIME_DIR", "XDG_STATE_HOME") },
    { is_here, NAMES("PWD") },
    { is_display, NAMES("DISPLAY") },
    { is_socket, NAMES("PIPEWIRE_REMOTE", "WAYLAND_DISPLAY") },
    { is_sound_server, NAMES("PULSE_SERVER") },
    { is_session_manager, NAMES("SESSION_MANAGER") },
    { is_bus, NAMES("AT_SPI_BUS_ADDRESS", "DBUS_SESSION_BUS_ADDRESS") },
    { is_text, NAMES("DESKTOP_SESSION", "DESKTOP_STARTUP_ID", "DRI_PRIME", "GTK_THEME", "LANGUAGE", "LOGNAME", "TZ",
        "USER", "XCURSOR_THEME", "XDG_ACTIVATION_TOKEN", "XDG_CURRENT_DESKTOP") },
    { is_word, NAMES("CLUTTER_IM_MODULE", "COLORTERM", "COLUMNS", "GDK_BACKEND", "GDK_DPI_SCALE", "GDK_SCALE",
        "GLFW_IM_MODULE", "GNOME_DESKTOP_SESSION_ID", "GTK_IM_MODULE", "KDE_FULL_SESSION", "KDE_SESSION_VERSION",
        "LANG", "LC_ADDRESS", "LC_ALL", "LC_COLLATE", "LC_CTYPE", "LC_IDENTIFICATION", "LC_MEASUREMENT",
        "LC_MESSAGES", "LC_MONETARY", "LC_NAME", "LC_NUMERIC", "LC_PAPER", "LC_TELEPHONE", "LC_TIME", "LINES",
        "MOZ_ENABLE_WAYLAND", "MOZ_USE_XINPUT2", "NO_AT_BRIDGE", "NO_COLOR", "PLASMA_USE_QT_SCALING",
        "QT_ACCESSIBILITY", "QT_AUTO_SCREEN_SCALE_FACTOR", "QT_ENABLE_HIGHDPI_SCALING", "QT_FONT_DPI",
        "QT_IM_MODULE", "QT_IM_MODULES", "QT_QPA_PLATFORM", "QT_QPA_PLATFORMTHEME", "QT_SCALE_FACTOR",
        "QT_SCREEN_SCALE_FACTORS", "QT_STYLE_OVERRIDE", "SDL_AUDIODRIVER", "SDL_IM_MODULE", "SDL_VIDEODRIVER",
        "TERM", "WINDOWID", "XCURSOR_SIZE", "XDG_MENU_PREFIX", "XDG_SEAT", "XDG_SESSION_CLASS",
        "XDG_SESSION_DESKTOP", "XDG_SESSION_ID", "XDG_SESSION_TYPE", "XDG_VTNR", "XMODIFIERS") },
};

/* The string "NAME=VALUE" of a name, or NULL. */
static char *find(char *const from[], const char *name, size_t size)
{
    for (; *from; from++)
        if (strncmp(*from, name, size) == 0 && (*from)[size] == '=')
            return *from;
    return NULL;
}

/* Adds "NAME=VALUE", in the place of that name's former value if it has one. */
static void put(char **to, char *variable)
{
    size_t name = strcspn(variable, "=");
    while (*to && (strncmp(*to, variable, name) != 0 || (*to)[name] != '='))
        to++;
    *to = variable;
}

static void keep(char **to, char *const from[], const char *name, bool (*fits)(const char *value))
{
    size_t size = strlen(name);
    char *variable = find(from, name, size);
    if (variable && fits(variable + size + 1))
        put(to, variable);
}

/* Where programs, menu entries and services are looked for: root's word, not the caller's, so that an
 * application that runs another listed one by its name asks galaf for it.  What is its own comes first: commands that
 * its entry says are, and its menu entries as its package has them, in which it looks for its own program. */
static const struct { const char *before, *behind; } fixed[] = {       /* the entry's name; no name if none is behind it */
    { "PATH=" DESKTOP "/own/", "/bin:" DESKTOP "/bin:/usr/local/bin:/usr/bin:/bin" },
    { "XDG_CONFIG_DIRS=" DESKTOP "/xdg:/etc/xdg", NULL },
    { "XDG_DATA_DIRS=" DESKTOP "/own/", "/share:" DESKTOP "/share:/usr/local/share:/usr/share" },
};

/* Builds the application's environment: what is fixed, what fits its rule, and what the
 * entry keeps and sets.  Everything else is left behind. */
char **environment(const struct entry *entry, char *const from[])
{
    size_t own = sizeof fixed / sizeof *fixed, most = length(from) + length(entry->options) + own + 1, room = 0;
    for (size_t i = 0; i < own; i++)
        room += strlen(fixed[i].before) + (fixed[i].behind ? strlen(entry->name) + strlen(fixed[i].behind) : 0) + 1;
    char **to = calloc(1, most * sizeof *to + room);        /* one block, with their text behind the pointers */
    if (!to)
        return NULL;
    char *text = (char *)(to + most);
    for (size_t i = 0; i < own; i++) {
        put(to, text);
        text = stpcpy(text, fixed[i].before);
        if (fixed[i].behind)
            text = stpcpy(stpcpy(text, entry->name), fixed[i].behind);
        text++;
    }
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        for (const char *const *name = rules[i].names; *name; name++)
            keep(to, from, *name, rules[i].fits);
    for (char **option = entry->options; option + 1 != entry->execv; option++)
        if (strncmp(*option, "keep=", 5) == 0)
            keep(to, from, *option + 5, is_any);
    for (char **option = entry->options; option + 1 != entry->execv; option++)
        if (strncmp(*option, "set=", 4) == 0)
            put(to, *option + 4);
    return to;
}
