/* SPDX-License-Identifier: Apache-2.0 */
#include "tftp-client.h"

#include "fetch-url.h"
#include "keyd-client.h"
#include "names.h"

#define TIMEOUT_SECONDS 60U
#define ANSWER_MAX 64U

static int explain(char reason[TFTP_REASON_SIZE], int error, const char *url, const char *why)
{
    (void)snprintf(reason, TFTP_REASON_SIZE, "%.300s: %.180s", url, why);
    return error;
}

int file_server_new(const TrustpointConfig *config, const FetchRoute *route, FileServer *ret)
{
    FileServer server = {.route = *route};

    if (config->method == METHOD_SFTP) {
        server.password = strdup(config->sftp_password);
        server.host_key = strdup(config->sftp_host_key);
        if (!server.password || !server.host_key) {
            file_server_done(&server);
            return -ENOMEM;
        }
    }
    *ret = server;
    return 0;
}

void file_server_done(FileServer *server)
{
    free(server->password);
    free(server->host_key);
}

static int fetch_file(FetchRequest *request, const FileServer *server, int cancel_fd,
                      FetchReply *reply, char reason[TFTP_REASON_SIZE])
{
    int r;

    request->timeout_seconds = TIMEOUT_SECONDS;
    request->route = &server->route;
    request->host_key = server->host_key;
    r = fetch(request, cancel_fd, reply);
    if (r == -EMSGSIZE)
        return explain(reason, r, request->url, "the file is too large");
    if (r < 0)
        return explain(reason, r, request->url, reply->error ? reply->error : strerror(-r));
    return 0;
}

static int transfer(FetchRequest *request, const FileServer *server, int cancel_fd,
                    FetchReply *reply, char reason[TFTP_REASON_SIZE])
{
    _cleanup_free_ char *user = NULL;
    char *password = NULL;
    int r;

    if (!server->password)
        return fetch_file(request, server, cancel_fd, reply, reason);
    user = fetch_url_user(request->url);
    if (!user)
        return -ENOMEM;
    r = keyd_secret_open(SECRET_SFTP, server->password, &password);
    if (r < 0)
        return explain(reason, r, request->url, keyd_last_error());
    request->user = user;
    request->password = password;
    r = fetch_file(request, server, cancel_fd, reply, reason);
    explicit_bzero(password, strlen(password));
    free(password);
    return r;
}

int tftp_get(const char *url, const FileServer *server, int cancel_fd, ReceivedList *ret,
             char reason[TFTP_REASON_SIZE])
{
    FetchRequest request = {.url = url, .size_max = RECEIVED_SIZE_MAX};
    _cleanup_(fetch_reply_done) FetchReply reply = {.status = 0};
    const char *why = "";
    int r = transfer(&request, server, cancel_fd, &reply, reason);

    if (r < 0)
        return r;
    r = received_parse(reply.body ? reply.body : "", reply.body_size, ret, &why);
    return r == -EBADMSG || r == -EMSGSIZE ? explain(reason, r, url, why) : r;
}

int tftp_put(const char *url, const FileServer *server, int cancel_fd, const char *text,
             char reason[TFTP_REASON_SIZE])
{
    FetchRequest request = {
        .url = url, .body = text, .body_size = strlen(text), .size_max = ANSWER_MAX};
    _cleanup_(fetch_reply_done) FetchReply reply = {.status = 0};

    return transfer(&request, server, cancel_fd, &reply, reason);
}
