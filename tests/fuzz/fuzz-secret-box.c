/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed passwords of the configuration. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "secret-box.h"
#include "secure-memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static SecretBox *box_new(void)
{
    static const uint8_t zeros[KEK_SIZE];
    _cleanup_(kek_freep) Kek *kek = NULL;
    char path[] = "/tmp/fuzz-secret-box-XXXXXX";
    SecretBox *box = NULL;
    int fd;

    if (secure_memory_init() < 0 || kek_new(zeros, &kek) < 0 || !mkdtemp(path))
        abort();
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || secret_box_open(fd, kek, &box) < 0 || unlinkat(fd, SECRET_BOX_FILE, 0) < 0 ||
        rmdir(path) < 0)
        abort();
    (void)close(fd);
    return box;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static SecretBox *box;
    char text[SECRET_TEXT_MAX + 2], *clear = NULL;
    _cleanup_free_ char *sealed = NULL;

    if (!box)
        box = box_new();
    if (size >= sizeof text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (secret_box_unseal(box, "challenge-password", text, &clear) >= 0)
        abort(); /* nobody has sealed it */
    if (secret_box_seal(box, "challenge-password", (DerSpan){data, size}, &sealed) < 0)
        return 0;
    if (secret_box_unseal(box, "challenge-password", sealed, &clear) < 0 ||
        strlen(clear) != size || memcmp(clear, data, size) != 0)
        abort();
    secure_free(clear);
    return 0;
}
