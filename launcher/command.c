/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is executed: the arguments and the environment of the application. */
#define _GNU_SOURCE
#include "galaf.h"

#include <stdlib.h>
#include <string.h>

#define PLACE "\xe2\x80\xa6"    /* U+2026, the place of the caller's arguments */
#define SAFE_PATH "PATH=/usr/local/bin:/usr/bin:/bin"

/* Kept with any value: paths of the user's own, and sockets to speak to the desktop through. */
static const char *const paths[] = {
    "DISPLAY", "HOME", "ICEAUTHORITY", "LOGNAME", "PIPEWIRE_REMOTE", "PULSE_SERVER", "PWD",
    "SESSION_MANAGER", "USER", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", NULL
};

/* Kept while plain(): words that choose among what is installed, where a path would bring in more. */
static const char *const words[] = {
    "CLUTTER_IM_MODULE", "COLORTERM", "COLUMNS", "DESKTOP_SESSION", "DESKTOP_STARTUP_ID", "DRI_PRIME",
    "GDK_BACKEND", "GDK_DPI_SCALE", "GDK_SCALE", "GLFW_IM_MODULE", "GNOME_DESKTOP_SESSION_ID",
    "GTK_IM_MODULE", "GTK_THEME", "KDE_FULL_SESSION", "KDE_SESSION_VERSION", "LANG", "LANGUAGE", "LC_ADDRESS",
    "LC_ALL", "LC_COLLATE", "LC_CTYPE", "LC_IDENTIFICATION", "LC_MEASUREMENT", "LC_MESSAGES", "LC_MONETARY",
    "LC_NAME", "LC_NUMERIC", "LC_PAPER", "LC_TELEPHONE", "LC_TIME", "LINES", "MOZ_ENABLE_WAYLAND",
    "MOZ_USE_XINPUT2", "NO_AT_BRIDGE", "NO_COLOR", "PLASMA_USE_QT_SCALING", "QT_ACCESSIBILITY",
    "QT_AUTO_SCREEN_SCALE_FACTOR", "QT_ENABLE_HIGHDPI_SCALING", "QT_FONT_DPI", "QT_IM_MODULE",
    "QT_IM_MODULES", "QT_QPA_PLATFORM", "QT_QPA_PLATFORMTHEME", "QT_SCALE_FACTOR", "QT_SCREEN_SCALE_FACTORS",
    "QT_STYLE_OVERRIDE", "SDL_AUDIODRIVER", "SDL_IM_MODULE", "SDL_VIDEODRIVER", "TERM", "TZ", "WINDOWID",
    "XCURSOR_SIZE", "XCURSOR_THEME", "XDG_ACTIVATION_TOKEN", "XDG_CURRENT_DESKTOP", "XDG_MENU_PREFIX",
    "XDG_SEAT", "XDG_SESSION_CLASS", "XDG_SESSION_DESKTOP", "XDG_SESSION_ID", "XDG_SESSION_TYPE", "XDG_VTNR",
    "XMODIFIERS", NULL
};

/* Kept while is_socket(): D-Bus runs a program for the address "unixexec:path=...". */
static const char *const buses[] = { "AT_SPI_BUS_ADDRESS", "DBUS_SESSION_BUS_ADDRESS", NULL };

/* No path to elsewhere, and no % that a translation could turn into a printf format. */
static bool plain(const char *value)
{
    return value[0] != '/' && !strchr(value, '%') && !strstr(value, "..") && !strstr(value, ":/");
}

/* One D-Bus address, and it is that of a socket. */
static bool is_socket(const char *value)
{
    return strncmp(value, "unix:", 5) == 0 && !strchr(value, ';');
}

static bool any(const char *value)
{
    return value != NULL;
}

static size_t length(char *const array[])
{
    size_t count = 0;
    while (array[count])
        count++;
    return count;
}

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

static void keep_all(char **to, char *const from[], const char *const names[], bool (*fits)(const char *value))
{
    for (; *names; names++)
        keep(to, from, *names, fits);
}

/* Builds the application's environment: what is listed above, a fixed PATH, and what the
 * entry keeps and sets.  Everything else is left behind. */
char **environment(const struct entry *entry, char *const from[])
{
    size_t most = (sizeof paths + sizeof words + sizeof buses) / sizeof *paths + length(entry->options);
    char **to = calloc(most + 2, sizeof *to);
    if (!to)
        return NULL;
    put(to, SAFE_PATH);
    keep_all(to, from, paths, any);
    keep_all(to, from, words, plain);
    keep_all(to, from, buses, is_socket);
    for (char **option = entry->options; option + 1 != entry->execv; option++)
        if (strncmp(*option, "keep=", 5) == 0)
            keep(to, from, *option + 5, any);
    for (char **option = entry->options; option + 1 != entry->execv; option++)
        if (strncmp(*option, "set=", 4) == 0)
            put(to, *option + 4);
    return to;
}

/* Whether the command has a place for the caller's arguments. */
bool takes_arguments(const struct entry *entry)
{
    for (char **token = entry->execv; *token; token++)
        if (strcmp(*token, PLACE) == 0)
            return true;
    return false;
}

/* The command with the caller's arguments in their place. */
char **command_line(const struct entry *entry, char *const arguments[])
{
    size_t places = 0, given = length(arguments);
    for (char **token = entry->execv; *token; token++)
        places += strcmp(*token, PLACE) == 0;
    char **line = calloc(length(entry->execv) + places * given + 1, sizeof *line), **to = line;
    if (!line)
        return NULL;
    for (char **token = entry->execv; *token; token++) {
        if (strcmp(*token, PLACE) == 0) {
            memcpy(to, arguments, given * sizeof *to);
            to += given;
        } else {
            *to++ = *token;
        }
    }
    return line;
}
