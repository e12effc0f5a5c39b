/* SPDX-License-Identifier: Apache-2.0 */
/* A fuzz target as an ordinary test: gives it each file of a corpus folder. With -Dfuzz=true
 * libFuzzer takes this file's place. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *folder, const char *name)
{
    char path[4096];
    uint8_t *data;
    size_t size;
    FILE *f;

    if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, name) >= sizeof(path))
        return -1;
    f = fopen(path, "rbe");
    if (!f)
        return -1;
    if (fseek(f, 0, SEEK_END) < 0 || (size = (size_t)ftell(f)) > (64U << 20)) {
        (void)fclose(f);
        return -1;
    }
    rewind(f);
    /* Exactly as large as the file, so that a read beyond it is noticed. */
    data = malloc(size ? size : 1);
    if (data && fread(data, 1, size, f) == size)
        (void)LLVMFuzzerTestOneInput(data, size);
    else
        size = SIZE_MAX;
    free(data);
    (void)fclose(f);
    return size == SIZE_MAX ? -1 : 0;
}

int main(int argc, char *argv[])
{
    unsigned n = 0;

    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        struct dirent *entry;

        if (!folder) {
            perror(argv[i]);
            return EXIT_FAILURE;
        }
        while ((entry = readdir(folder))) {
            if (entry->d_name[0] == '.')
                continue;
            if (run_file(argv[i], entry->d_name) < 0) {
                fprintf(stderr, "%s/%s: cannot be read\n", argv[i], entry->d_name);
                return EXIT_FAILURE;
            }
            n++;
        }
        (void)closedir(folder);
    }
    /* A corpus that got lost must not look like success. */
    return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
