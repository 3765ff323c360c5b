/* Runs a fuzz target once over every file of the folders named on the command line. */
#include "fuzz.h"

#include "base/memory.h"

#include <dirent.h>
#include <stdio.h>

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");

    if (!file)
        return 1;
    fseek(file, 0, SEEK_END);
    long n = ftell(file);
    rewind(file);
    uint8_t *bytes = mem_alloc(n > 0 ? (size_t)n : 1);
    size_t got = fread(bytes, 1, n > 0 ? (size_t)n : 0, file);
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, got);
    mem_free(bytes);
    return 0;
}

int main(int argc, char **argv)
{
    int replayed = 0;

    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        struct dirent *entry;

        if (!folder)
            return 1;
        while ((entry = readdir(folder))) {
            char path[1024];

            if (entry->d_name[0] == '.')
                continue;
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            if (replay_file(path))
                return 1;
            replayed++;
        }
        closedir(folder);
    }
    return replayed > 0 ? 0 : 1;
}
