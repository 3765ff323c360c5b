#include "bond/bond.h"

#include "base/memory.h"
#include "state/backup_version.h"
#include "state/identity.h"
#include "state/media.h"
#include "state/media_members.h"
#include "store/mark.h"
#include "store/store_content.h"

#include <assert.h>
#include <unistd.h>

enum { PROOFS_MAX = 64, PARTITIONS_ASKED_MAX = 16 };

/* -- Judging ---------------------------------------------------------------------------------- */

static bool same_hub(struct slice a, struct slice b)
{
    struct slice id_a, id_b, rest;

    slice_split(a, ' ', &id_a, &rest);
    slice_split(b, ' ', &id_b, &rest);
    return slice_eq(id_a, id_b);
}

static enum bond_fit judge_marked(const struct bond_sight *sight)
{
    if (!sight->id.n)
        return sight->used ? BOND_STATE_OLD : BOND_STATE_LOST;
    if (!same_hub(sight->id, sight->mark))
        return BOND_FOREIGN;
    return slice_eq(sight->id, sight->mark) ? BOND_FITS : BOND_PARTITIONS;
}

static enum bond_fit judge_content(const struct bond_sight *sight)
{
    if (sight->has_store)
        return BOND_STORE_UNMARKED;
    return sight->used ? BOND_TO_PROVE : BOND_STATE_LOST;
}

static enum bond_fit judge_nothing(const struct bond_sight *sight)
{
    if (sight->has_store)
        return BOND_STORE_LOST;
    return sight->used ? BOND_TO_PROVE : BOND_NEW;
}

enum bond_fit bond_judge(const struct bond_sight *sight)
{
    if (sight->id.n && !sight->id_fits)
        return BOND_PARTITIONS;
    switch (sight->store) {
    case BOND_STORE_ABSENT:
    case BOND_STORE_EMPTY:
        return judge_nothing(sight);
    case BOND_STORE_CONTENT:
        return judge_content(sight);
    case BOND_STORE_MARKED:
        return judge_marked(sight);
    case BOND_STORE_NEWER:
        return BOND_NEWER;
    default:
        return BOND_UNREADABLE;
    }
}

static enum bond_store store_of(enum mark_found found)
{
    static const enum bond_store row[] = {
        [MARK_ABSENT] = BOND_STORE_ABSENT, [MARK_EMPTY] = BOND_STORE_EMPTY,
        [MARK_NONE] = BOND_STORE_CONTENT,  [MARK_FOUND] = BOND_STORE_MARKED,
        [MARK_NEWER] = BOND_STORE_NEWER,   [MARK_UNREADABLE] = BOND_STORE_UNREADABLE,
    };

    return row[found];
}

static enum err look(struct task *task, struct state *state, struct slice folder,
                     struct identity *identity, struct bond_sight *sight)
{
    enum err err = identity_load(task, state, identity);

    if (err != OK)
        return err;
    *sight = (struct bond_sight){
        .id = identity->text,
        .id_fits = identity_fits(identity, state),
        .has_store = identity->has_store,
        .used = identity->used,
    };
    sight->store = store_of(mark_look(task->arena, folder, &sight->mark));
    return OK;
}

/* -- Proving ---------------------------------------------------------------------------------- */

struct proof {
    struct store *store; /* NULL: it has no content */
    unsigned named, there;
};

static void prove(struct task *task, struct proof *proof, struct slice sha256)
{
    uint64_t size;
    int fd;

    proof->named++;
    if (!proof->store || store_blob_open(task, proof->store, sha256, &fd, &size) != OK)
        return;
    proof->there++;
    close(fd);
}

static enum err prove_by_media(struct task *task, struct state *state, struct proof *proof)
{
    enum err err = OK;

    for (unsigned p = 0; p < state->partitions && err == OK; p++) {
        uint64_t cursor = 0;

        do {
            struct media *media;
            size_t n;

            err = media_scan(task, state, p, &cursor, &media, &n);
            for (size_t i = 0; i < n && err == OK && proof->named < PROOFS_MAX; i++)
                prove(task, proof, media[i].sha256);
        } while (err == OK && cursor && proof->named < PROOFS_MAX);
    }
    return err;
}

static enum err prove_by_backups(struct task *task, struct state *state, struct proof *proof)
{
    struct slice *collections;
    size_t n, kept;
    enum err err = backup_collections(task, state, &collections, &n);

    for (size_t i = 0; i < n && err == OK && proof->named < PROOFS_MAX; i++) {
        struct backup_version *newest;

        err = backup_version_newest(task, state, collections[i], 1, &newest, &kept);
        if (err == OK && kept)
            prove(task, proof, newest[0].sha256);
    }
    return err;
}

/* ERR_CONFLICT: records and blobs are of two hubs, or one side is lost. */
static enum err prove_store(struct task *task, struct state *state, struct store *store)
{
    struct proof proof = {.store = store};
    enum err err = prove_by_media(task, state, &proof);

    if (err == OK)
        err = prove_by_backups(task, state, &proof);
    if (err != OK)
        return err;
    bool fits = proof.named ? proof.there > 0 : !store;
    return fits ? OK : ERR_CONFLICT;
}

/* -- Telling ---------------------------------------------------------------------------------- */

static struct slice tell(struct arena *arena, enum bond_fit fit, struct slice folder,
                         const struct bond_sight *sight)
{
    switch (fit) {
    case BOND_STATE_LOST:
        return arena_printf(arena,
                            "the store %.*s holds a hub's content, but the state server is empty: "
                            "bring its data back (mediahub restore, or the folder redis/state), or "
                            "name an empty store to begin anew",
                            SLICE_ARG(folder));
    case BOND_STORE_LOST:
        return arena_printf(arena,
                            "the store %.*s is %s, but this hub (%.*s) has content in its store: "
                            "mount it, or name it with --store; only if it is lost for good: "
                            "mediahub store claim",
                            SLICE_ARG(folder),
                            sight->store == BOND_STORE_ABSENT ? "missing" : "empty",
                            SLICE_ARG(sight->id));
    case BOND_STORE_UNMARKED:
    case BOND_TO_PROVE:
        return arena_printf(arena,
                            "nothing shows that the store %.*s belongs to this hub: none of the "
                            "content that its records name is there: mount the right one, or name "
                            "it with --store; if this is it: mediahub store claim",
                            SLICE_ARG(folder));
    case BOND_FOREIGN:
        return arena_printf(arena,
                            "the store %.*s belongs to another hub (%.*s) than the state (%.*s): "
                            "name the right one with --store or --redis",
                            SLICE_ARG(folder), SLICE_ARG(sight->mark), SLICE_ARG(sight->id));
    case BOND_STATE_OLD:
        return arena_printf(arena,
                            "the store %.*s belongs to a hub (%.*s) that the state does not know: "
                            "if the state is an older one of this hub: mediahub store claim",
                            SLICE_ARG(folder), SLICE_ARG(sight->mark));
    case BOND_PARTITIONS:
        return arena_printf(arena,
                            "the number of partitions is not the one that this hub was made with "
                            "(state \"%.*s\", store \"%.*s\"): bring the state's data back as it "
                            "was (mediahub restore)",
                            SLICE_ARG(sight->id), SLICE_ARG(sight->mark));
    case BOND_NEWER:
        return arena_printf(arena,
                            "the store %.*s was made by a newer version of Mediahub: run that one",
                            SLICE_ARG(folder));
    default:
        return arena_printf(arena,
                            "the store %.*s cannot be read, or its file \"hub\" is none of ours: "
                            "look at its owner and mode",
                            SLICE_ARG(folder));
    }
}

/* -- Making ----------------------------------------------------------------------------------- */

static enum err open_folder(struct arena *arena, struct slice folder, uint64_t reserve_bytes,
                            struct store **out, struct slice *problem)
{
    char *why = NULL;

    *out = store_open(folder, reserve_bytes, &why);
    if (*out)
        return OK;
    *problem = arena_dup(arena, slice_from(why));
    mem_free(why);
    return ERR_INTERNAL;
}

/* First the id, then the store's mark, then that it has one: whatever ends in between is taken up
 * where it ended. */
static enum err mark_both(struct task *task, struct state *state, struct store *store,
                          struct identity *identity)
{
    enum err err = identity->text.n ? OK : identity_make(task, state, identity);

    if (err == OK)
        err = store_mark(store, identity->text);
    if (err == OK)
        err = identity_note_store(task, state);
    return err;
}

/* From before there were ids, or with nothing kept so far. */
static enum err found(struct task *task, struct state *state, struct slice folder,
                      const struct bond_sight *sight, struct identity *identity, bool to_prove)
{
    struct store *store = NULL;
    struct slice problem;
    char *why = NULL;
    enum err err = OK;

    if (sight->store == BOND_STORE_CONTENT)
        store = store_open(folder, 0, &why);
    mem_free(why);
    if (to_prove)
        err = prove_store(task, state, store);
    if (err == OK && !store)
        err = open_folder(task->arena, folder, 0, &store, &problem);
    if (err == OK)
        err = mark_both(task, state, store, identity);
    store_close(store);
    return err;
}

enum err bond_open_store(struct task *task, struct state *state, struct slice folder,
                         uint64_t reserve_bytes, struct store **out, struct slice *problem)
{
    struct bond_sight sight;
    struct identity identity;
    enum err err = look(task, state, folder, &identity, &sight);
    enum bond_fit fit = err == OK ? bond_judge(&sight) : BOND_UNREADABLE;

    *problem = SLICE_NONE;
    *out = NULL;
    /* Another process of this hub may have marked one side between our two looks. */
    if (err == OK && fit != BOND_FITS) {
        err = look(task, state, folder, &identity, &sight);
        fit = err == OK ? bond_judge(&sight) : fit;
    }
    if (err != OK)
        return err;
    if (fit == BOND_NEW || fit == BOND_TO_PROVE)
        err = found(task, state, folder, &sight, &identity, fit == BOND_TO_PROVE);
    else if (fit != BOND_FITS)
        err = ERR_CONFLICT;
    else if (!identity.has_store)
        err = identity_note_store(task, state);
    if (err == ERR_CONFLICT)
        *problem = tell(task->arena, fit, folder, &sight);
    if (err != OK)
        return err;
    identity_expect(state, &identity);
    return open_folder(task->arena, folder, reserve_bytes, out, problem);
}

enum err bond_state_kept(struct task *task, struct state *state, struct slice folder,
                         struct slice *problem)
{
    struct bond_sight sight;
    struct identity identity;
    enum err err = look(task, state, folder, &identity, &sight);

    *problem = SLICE_NONE;
    if (err != OK || bond_judge(&sight) != BOND_STATE_LOST)
        return err;
    *problem = tell(task->arena, BOND_STATE_LOST, folder, &sight);
    return ERR_CONFLICT;
}

enum err bond_claim_store(struct task *task, struct state *state, struct slice folder,
                          struct slice *problem)
{
    struct identity identity;
    struct store *store;
    enum err err = identity_load(task, state, &identity);

    *problem = SLICE_NONE;
    if (err == OK)
        err = open_folder(task->arena, folder, 0, &store, problem);
    if (err != OK)
        return err;
    err = mark_both(task, state, store, &identity);
    store_close(store);
    return err;
}
