/* SPDX-License-Identifier: Apache-2.0 */
/* What another node sends as its dossier: whatever it is, the document around it stays one. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "json-copy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_close_ int fd = memfd_create("fuzz", MFD_CLOEXEC);
    _cleanup_(json_writer_freep) JsonWriter *w = json_writer_new(fd);
    _cleanup_(json_copy_freep) JsonCopy *c = json_copy_new(w, "it");
    _cleanup_free_ char *text = NULL;
    _cleanup_json_ json_object *o = NULL;
    off_t end;

    if (fd < 0 || !w || !c)
        return 0;
    json_begin_object(w, NULL);
    for (size_t i = 0; i < size; i += 7)
        if (json_copy_feed(c, (const char *)data + i, size - i < 7 ? size - i : 7) < 0)
            break;
    json_copy_end(c);
    json_end_object(w);
    if (json_writer_finish(w) < 0)
        abort();
    end = lseek(fd, 0, SEEK_END);
    text = malloc((size_t)end);
    if (text && (pread(fd, text, (size_t)end, 0) != end || json_parse(text, (size_t)end, &o) < 0))
        abort();
    return 0;
}
