/* SPDX-License-Identifier: Apache-2.0 */
/* sftp and scp: to a server whose host key has the fingerprint that the caller names, with a
 * password. There is no list of known hosts and no first use on trust. */
#include "ssh.h"

#include "fetch-url.h"
#include "json-util.h"
#include "openssl-util.h"

static int fingerprint(const char *key, size_t size, char ret[FETCH_HOST_KEY_SIZE])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    _cleanup_free_ char *text = NULL;
    unsigned n;

    if (EVP_Digest(key, size, digest, &n, EVP_sha256(), NULL) != 1)
        return -EIO;
    text = base64_encode(digest, n);
    if (!text)
        return -ENOMEM;
    /* As OpenSSH writes it: without the padding. */
    (void)snprintf(ret, FETCH_HOST_KEY_SIZE, "%s%.*s", FETCH_HOST_KEY_PREFIX,
                   (int)strcspn(text, "="), text);
    return 0;
}

static int on_host_key(void *userdata, int type, const char *key, size_t size)
{
    SshCheck *check = userdata;

    check->refused = fingerprint(key, size, check->presented) < 0 ||
                     !streq(check->presented, check->request->host_key);
    return check->refused ? CURLKHMATCH_MISMATCH : CURLKHMATCH_OK;
}

int ssh_prepare(CURL *curl, SshCheck *check)
{
    if (!fetch_url_is_ssh(check->request->url))
        return 0;
    return curl_easy_setopt(curl, CURLOPT_SSH_HOSTKEYFUNCTION, on_host_key) == CURLE_OK &&
                   curl_easy_setopt(curl, CURLOPT_SSH_HOSTKEYDATA, check) == CURLE_OK &&
                   curl_easy_setopt(curl, CURLOPT_SSH_AUTH_TYPES,
                                    (long)(CURLSSH_AUTH_PASSWORD | CURLSSH_AUTH_KEYBOARD)) ==
                       CURLE_OK
               ? 0
               : -EIO;
}
