#include "store/hash_note.h"

#include "base/memory.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { PROOF_BYTES = 8, FILE_MODE = 0600 };

/* The state, and the beginning of its own hash, by which a torn note is known. */
struct note {
    uint8_t state[SHA256_STATE_BYTES];
    uint8_t proof[PROOF_BYTES];
};

static void prove(const struct note *note, uint8_t proof[PROOF_BYTES])
{
    struct sha256 *hash = sha256_new();
    uint8_t digest[SHA256_BYTES];

    sha256_update(hash, note->state, sizeof note->state);
    sha256_final(hash, digest);
    sha256_free(hash);
    memcpy(proof, digest, PROOF_BYTES);
}

static bool read_note(int fd, struct note *note)
{
    uint8_t proof[PROOF_BYTES];

    if (pread(fd, note, sizeof *note, 0) != (ssize_t)sizeof *note)
        return false;
    prove(note, proof);
    return memcmp(proof, note->proof, sizeof proof) == 0;
}

struct sha256 *hash_note_read(struct store *store, struct slice name, uint64_t size)
{
    char path[LAYOUT_PATH_MAX];
    struct sha256 *hash = NULL;
    struct note note;

    layout_partial_hash(path, name);
    int fd = openat(store_fd(store), path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return sha256_new();
    if (read_note(fd, &note))
        hash = sha256_restore(note.state);
    close(fd);
    if (hash && sha256_count(hash) <= size)
        return hash;
    /* Other bytes may come in the place of those that it has seen. */
    store_incoming_remove(store, path);
    sha256_free(hash);
    return sha256_new();
}

void hash_note_write(struct store *store, struct slice name, const struct sha256 *hash)
{
    char path[LAYOUT_PATH_MAX];
    struct note note;

    layout_partial_hash(path, name);
    int fd = openat(store_fd(store), path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return;
    store_give(store, fd);
    sha256_save(hash, note.state);
    prove(&note, note.proof);
    if (pwrite(fd, &note, sizeof note, 0) != (ssize_t)sizeof note)
        store_incoming_remove(store, path);
    close(fd);
}
