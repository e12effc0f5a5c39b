/* SPDX-License-Identifier: Apache-2.0 */
#include "hosts-file.h"

#include <arpa/inet.h>
#include <strings.h>

#include "cleanup.h"

#define LINE_SIZE 1024U
/* More than the configuration can have: 512 hosts with at most 8 addresses. */
#define LINES_MAX 16384U

typedef struct Search {
    const char *name;
    size_t name_length;
    int family;
    const void *address;
    size_t size;
    hosts_entry_t found;
    void *userdata;
} Search;

/* The next word of the line, ended with a zero byte; NULL when there is none. */
static char *next_word(char **rest)
{
    char *word = *rest + strspn(*rest, " \t");
    size_t length = strcspn(word, " \t");

    if (length == 0)
        return NULL;
    *rest = word + length + (word[length] != '\0');
    word[length] = '\0';
    return word;
}

static bool parse_address(const char *text, HostsEntry *ret)
{
    if (inet_pton(AF_INET, text, ret->address) == 1) {
        ret->family = AF_INET;
        ret->size = sizeof(struct in_addr);
        return true;
    }
    ret->family = AF_INET6;
    ret->size = sizeof(struct in6_addr);
    return inet_pton(AF_INET6, text, ret->address) == 1;
}

static bool is_name(const Search *search, const char *word)
{
    return strlen(word) == search->name_length &&
           strncasecmp(word, search->name, search->name_length) == 0;
}

/* Returns false when the search is over. */
static bool look_at_line(const Search *search, char *line)
{
    char *rest = line, *word;
    HostsEntry entry = {0};
    bool matches;

    line[strcspn(line, "#\n")] = '\0';
    word = next_word(&rest);
    if (!word || !parse_address(word, &entry))
        return true;
    word = next_word(&rest);
    if (!word)
        return true;
    entry.name = word;
    matches = search->name ? is_name(search, word)
                           : entry.family == search->family && entry.size == search->size &&
                                 memcmp(entry.address, search->address, entry.size) == 0;
    while (search->name && !matches && (word = next_word(&rest)))
        matches = is_name(search, word);
    return !matches || search->found(&entry, search->userdata);
}

static int search_file(const char *path, const Search *search)
{
    _cleanup_fclose_ FILE *f = fopen(path, "re");
    bool whole = true, more = true;
    char line[LINE_SIZE];

    if (!f)
        return errno == ENOENT ? 0 : -errno;
    for (unsigned n = 0; more && n < LINES_MAX && fgets(line, sizeof(line), f); n++) {
        const bool ends = strchr(line, '\n') || feof(f);

        if (whole && ends)
            more = look_at_line(search, line);
        whole = ends;
    }
    return 0;
}

int hosts_file_find_name(const char *path, const char *name, hosts_entry_t found, void *userdata)
{
    size_t length = strlen(name);

    /* A dot at the end says that the name is complete. */
    if (length > 1 && name[length - 1] == '.')
        length--;
    if (length == 0 || length > HOSTS_NAME_MAX)
        return 0;
    return search_file(
        path, &(Search){.name = name, .name_length = length, .found = found, .userdata = userdata});
}

int hosts_file_find_address(const char *path, int family, const void *address, size_t size,
                            hosts_entry_t found, void *userdata)
{
    return search_file(path, &(Search){.family = family,
                                       .address = address,
                                       .size = size,
                                       .found = found,
                                       .userdata = userdata});
}
