/* SPDX-License-Identifier: Apache-2.0 */
#include "ima-log.h"

#include "cleanup.h"

void ima_log_init(ImaLog *log, FILE *file)
{
    *log = (ImaLog){.file = file};
}

void ima_log_done(ImaLog *log)
{
    free(log->buffer);
    log->buffer = NULL;
}

static int read_exactly(ImaLog *log, void *data, size_t size)
{
    if (fread(data, 1, size, log->file) == size)
        return 0;
    return ferror(log->file) ? -EIO : -EBADMSG;
}

/* The list is in the byte order of the machine. */
static int read_size(ImaLog *log, size_t max, size_t *ret)
{
    uint32_t size;
    int r = read_exactly(log, &size, sizeof size);

    if (r < 0)
        return r;
    if (size > max)
        return -EBADMSG;
    *ret = size;
    return 0;
}

/* One field of the template data: its size and its bytes. */
static int take_field(ImaSpan *input, ImaSpan *ret)
{
    uint32_t size;

    if (input->size < sizeof size)
        return -EBADMSG;
    memcpy(&size, input->data, sizeof size);
    if (size > input->size - sizeof size)
        return -EBADMSG;
    ret->data = input->data + sizeof size;
    ret->size = size;
    input->data += sizeof size + size;
    input->size -= sizeof size + size;
    return 0;
}

/* d-ng: "sha256:", a zero byte, the digest. */
static int split_digest(ImaEvent *e, ImaSpan field)
{
    const uint8_t *colon = memchr(field.data, ':', field.size);
    size_t n;

    if (!colon)
        return -EBADMSG;
    n = (size_t)(colon - field.data);
    if (n == 0 || n >= sizeof e->hash_algorithm || field.size < n + 2 || colon[1] != 0)
        return -EBADMSG;
    for (size_t i = 0; i < n; i++) {
        char ch = (char)field.data[i];

        if (!((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '-'))
            return -EBADMSG;
        e->hash_algorithm[i] = ch;
    }
    e->hash_algorithm[n] = 0;
    e->file_hash = (ImaSpan){colon + 2, field.size - n - 2};
    return 0;
}

static ImaSpan without_zero(ImaSpan s)
{
    if (s.size > 0 && s.data[s.size - 1] == 0)
        s.size--;
    return s;
}

static int read_new_fields(ImaEvent *e)
{
    ImaSpan rest = e->template_data, digest, name;
    int r;

    r = take_field(&rest, &digest);
    if (r >= 0)
        r = take_field(&rest, &name);
    if (r >= 0)
        r = split_digest(e, digest);
    if (r < 0)
        return r;
    e->file_name = without_zero(name);
    if (rest.size > 0 && streq(e->template_name, "ima-sig"))
        r = take_field(&rest, &e->signature);
    return r;
}

/* The first template: a 20 byte digest without a size, then the name with one. */
static int read_old_template(ImaLog *log, ImaEvent *e)
{
    size_t size;
    int r;

    log->buffer = malloc(IMA_TEMPLATE_HASH_SIZE + IMA_TEMPLATE_DATA_MAX);
    if (!log->buffer)
        return -ENOMEM;
    r = read_exactly(log, log->buffer, IMA_TEMPLATE_HASH_SIZE);
    if (r >= 0)
        r = read_size(log, IMA_TEMPLATE_DATA_MAX, &size);
    if (r >= 0)
        r = read_exactly(log, log->buffer + IMA_TEMPLATE_HASH_SIZE, size);
    if (r < 0)
        return r;
    memcpy(e->hash_algorithm, "sha1", sizeof "sha1");
    e->file_hash = (ImaSpan){log->buffer, IMA_TEMPLATE_HASH_SIZE};
    e->file_name = without_zero((ImaSpan){log->buffer + IMA_TEMPLATE_HASH_SIZE, size});
    e->template_data = (ImaSpan){log->buffer, IMA_TEMPLATE_HASH_SIZE + size};
    e->is_known = true;
    return 0;
}

static int read_template(ImaLog *log, ImaEvent *e)
{
    static const char *const known[] = {"ima-ng", "ima-sig", "ima-modsig", "ima-buf"};
    size_t size;
    int r;

    r = read_size(log, IMA_TEMPLATE_DATA_MAX, &size);
    if (r < 0)
        return r;
    log->buffer = malloc(size + 1);
    if (!log->buffer)
        return -ENOMEM;
    r = read_exactly(log, log->buffer, size);
    if (r < 0)
        return r;
    e->template_data = (ImaSpan){log->buffer, size};
    for (size_t i = 0; i < ELEMENTSOF(known); i++)
        if (streq(e->template_name, known[i])) {
            e->is_known = true;
            return read_new_fields(e);
        }
    return 0;
}

int ima_log_next(ImaLog *log, ImaEvent *ret)
{
    static const uint8_t zero[IMA_TEMPLATE_HASH_SIZE];
    ImaEvent e = {.number = log->number + 1};
    size_t size = 0, n;
    int r;

    ima_log_done(log);
    n = fread(&e.pcr_index, 1, sizeof e.pcr_index, log->file);
    if (n == 0 && !ferror(log->file))
        return 0;
    if (n != sizeof e.pcr_index)
        return ferror(log->file) ? -EIO : -EBADMSG;
    r = read_exactly(log, e.template_hash, sizeof e.template_hash);
    if (r >= 0)
        r = read_size(log, IMA_TEMPLATE_NAME_MAX, &size);
    if (r >= 0)
        r = read_exactly(log, e.template_name, size);
    if (r < 0)
        return r;
    e.template_name[size] = 0;
    e.is_violation = memcmp(e.template_hash, zero, sizeof zero) == 0;
    r = streq(e.template_name, "ima") ? read_old_template(log, &e) : read_template(log, &e);
    if (r < 0)
        return r;
    log->number++;
    *ret = e;
    return 1;
}
