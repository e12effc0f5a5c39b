/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "rpm-header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Input {
    const uint8_t *data;
    size_t size;
} Input;

static int read_input(void *userdata, uint32_t offset, void *buffer, uint32_t size)
{
    const Input *input = userdata;

    /* Whoever asks for more than there is has not looked at the size. */
    if (offset > input->size || size > input->size - offset)
        abort();
    memcpy(buffer, input->data + offset, size);
    return 0;
}

static void check(const RpmField *field)
{
    if (field->size >= RPM_FIELD_SIZE || strlen(field->data) != field->size)
        abort();
}

static int take_file(void *userdata, const RpmFile *file)
{
    /* Strings end within the header. */
    if (file->path[0] != '/' || strlen(file->path) + strlen(file->digest) == 0)
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input input = {data, size};
    RpmSource source = {read_input, &input, (uint32_t)size};
    RpmPackage package;

    (void)rpm_header_files(&source, take_file, NULL);
    if (size > UINT32_MAX || rpm_header_read(&source, &package) < 0)
        return 0;
    check(&package.name);
    check(&package.version);
    check(&package.release);
    check(&package.architecture);
    if (!package.problem && (package.name.size == 0 || package.release.size == 0))
        abort();
    return 0;
}
