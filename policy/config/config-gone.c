/* SPDX-License-Identifier: Apache-2.0 */
#include "config-gone.h"

#include "cleanup.h"

#define WORDS_MAX 8U
#define BLANKS " \t"

#define RESERVED                                                                                   \
    "This is no task to be given away: take in a predefined group, 'inherit taskgroup root-lr' "   \
    "for all that there is"

#define SCOPE "An address stands for the host in all that looks it up: leave out the last word"

typedef struct Gone {
    const char *parent; /* the first word of the line that enters its mode; NULL: it has none */
    const char *words;  /* the last one in full, those before it may be abbreviated; * is any */
    const char *reason;
} Gone;

static const Gone gone[] = {
    {"crypto", "message-digest md5",
     "Nobody believes what is signed with MD5, which is broken: sha256, sha384 or sha512"},
    {"crypto", "message-digest sha1",
     "Nobody believes what is signed with SHA-1, which is broken: sha256, sha384 or sha512"},
    {"username", "secret 5",
     "Hashes of type 5 (MD5) are broken, and nobody is let in by them: give the secret in clear, "
     "only its hash is kept"},
    {"username", "secret 8",
     "The system cannot check hashes of type 8 (PBKDF2): give the secret in clear, only its hash "
     "is kept"},
    {"username", "secret 9",
     "The system cannot check hashes of type 9: give the secret in clear, only its hash is kept"},
    {"username", "password 7",
     "A password of type 7 can be read by everybody who sees it: give it in clear, only its hash "
     "is kept"},
    {"username", "policy",
     "There are no policies for passwords here: what a password has to be like is for the system's "
     "PAM"},
    {"username", "password-policy",
     "There are no policies for passwords here: what a password has to be like is for the system's "
     "PAM"},
    {"username", "login-history",
     "Who logged in is in the system's journal, for all users: it cannot be turned on or off for "
     "one"},
    {"taskgroup", "task * root-lr", RESERVED},
    {"taskgroup", "task * root-system", RESERVED},
    {"taskgroup", "task * cisco-support", RESERVED},
    {"taskgroup", "task * disallowed", RESERVED},
    {"taskgroup", "task * universal", RESERVED},
    {"crypto", "ca openssh",
     "Certificates of OpenSSH are for sshd alone: HostCertificate, TrustedUserCAKeys and "
     "RevokedKeys in sshd_config"},
    {"domain", "unicast", SCOPE},
    {"domain", "multicast", SCOPE},
    {"http", "client secure-verify-peer",
     "A server that is not verified is never believed: its CA has to be in the trustpool, 'crypto "
     "ca trustpool import url'"},
    {NULL, "security-template",
     "There are no templates: what those of Common Criteria turn off is never on here"},
    {NULL, "aaa",
     "Users are those of 'username' and the accounts of the system, whose groups count when they "
     "have the names of user groups: there is nothing else to say of them"},
};

typedef struct Word {
    const char *at;
    size_t length;
} Word;

/* Up to the one that is wrong, which is the last. */
static size_t split(const char *line, size_t column, Word words[static WORDS_MAX])
{
    size_t n = 0, i = 0;

    for (;;) {
        i += strspn(line + i, BLANKS);
        if (!line[i] || n == WORDS_MAX)
            return n;
        words[n] = (Word){line + i, strcspn(line + i, BLANKS)};
        i += words[n++].length;
        if (column < i)
            return n;
    }
}

static bool begins(const Word *word, const char *keyword, size_t length, bool in_full)
{
    if (length == 1 && *keyword == '*')
        return true;
    return (in_full ? word->length == length : word->length <= length) &&
           strncasecmp(word->at, keyword, word->length) == 0;
}

/* Do the words end with these? */
static bool fits(const Word *words, size_t n, const char *text)
{
    size_t length = strlen(text);
    bool last = true;

    while (length > 0) {
        size_t start = length;

        while (start > 0 && text[start - 1] != ' ')
            start--;
        if (n == 0 || !begins(&words[n - 1], text + start, length - start, last))
            return false;
        n--;
        last = false;
        length = start > 0 ? start - 1 : 0;
    }
    return true;
}

/* The word that is wrong may be the last one of those that are gone, or follow it. */
static bool is_gone(const Gone *g, ConfigMode mode, const Word *words, size_t n)
{
    const ConfigRow *enter = config_mode_row(mode);
    const char *parent = enter ? enter->head : NULL;

    if (n == 0)
        return false;
    if (!g->parent)
        return begins(&words[0], g->words, strlen(g->words), true);
    if (!begins(&words[0], g->parent, strlen(g->parent), false) &&
        !(parent && strncmp(parent, g->parent, strlen(g->parent)) == 0))
        return false;
    return fits(words, n, g->words) || fits(words, n - 1, g->words);
}

const char *config_why_gone(ConfigMode mode, const char *line, size_t column)
{
    Word words[WORDS_MAX];
    size_t n = split(line, column, words);

    for (size_t i = 0; i < ELEMENTSOF(gone); i++)
        if (is_gone(&gone[i], mode, words, n))
            return gone[i].reason;
    return NULL;
}
