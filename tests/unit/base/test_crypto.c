#include "base/crypto.h"
#include "base/text.h"
#include "unit.h"

/* FIPS 180-4 examples */
static void sha256(void **state)
{
    static const struct {
        struct slice text, digest;
    } cases[] = {
        {SLICE_INIT(""),
         SLICE_INIT("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")},
        {SLICE_INIT("abc"),
         SLICE_INIT("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")},
        {SLICE_INIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
         SLICE_INIT("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")},
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct sha256 *hash = sha256_new();
        uint8_t out[SHA256_BYTES];

        for (size_t at = 0; at < cases[i].text.n; at++)
            sha256_update(hash, cases[i].text.p + at, 1);
        sha256_final(hash, out);
        sha256_free(hash);
        assert_true(slice_eq(text_hex(arena, out, sizeof out), cases[i].digest));
        assert_true(slice_eq(sha256_hex(arena, cases[i].text), cases[i].digest));
    }
    sha256_free(NULL);
    arena_free(arena);
}

/* Saved after each number of bytes, a hash goes on as if nothing had been. */
static void sha256_goes_on(void **state)
{
    struct arena *arena = arena_new();
    char text[200];

    memset(text, 'x', sizeof text);
    for (size_t at = 0; at <= sizeof text; at++) {
        struct sha256 *before = sha256_new();
        uint8_t kept[SHA256_STATE_BYTES], out[SHA256_BYTES];

        sha256_update(before, text, at);
        sha256_save(before, kept);
        sha256_free(before);
        struct sha256 *after = sha256_restore(kept);
        assert_int_equal(sha256_count(after), at);
        sha256_update(after, text + at, sizeof text - at);
        sha256_final(after, out);
        sha256_free(after);
        assert_true(slice_eq(text_hex(arena, out, sizeof out),
                             sha256_hex(arena, (struct slice){text, sizeof text})));
    }
    arena_free(arena);
}

static void digests(void **state)
{
    static const char *const rows[][2] = {
        {"md5", "900150983cd24fb0d6963f7d28e17f72"},
        {"sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {"sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"sha512", "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                   "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct digest *digest = digest_new(slice_from(rows[i][0]));
        uint8_t out[DIGEST_BYTES_MAX];

        digest_update(digest, "a", 1);
        digest_update(digest, "bc", 2);
        assert_string_equal(text_hex(arena, out, digest_final(digest, out)).p, rows[i][1]);
        digest_free(digest);
    }
    assert_null(digest_new(SLICE("SHA1")));
    assert_null(digest_new(SLICE("")));
    digest_free(NULL);
    arena_free(arena);
}

/* RFC 4231, cases 1, 2 and 6 (a key longer than a block) */
static void hmac(void **state)
{
    static char long_key[131];
    struct {
        struct slice key, text;
        const char *mac;
    } cases[] = {
        {SLICE_INIT("\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
                    "\x0b"),
         SLICE_INIT("Hi There"),
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {SLICE_INIT("Jefe"), SLICE_INIT("what do ya want for nothing?"),
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {{long_key, sizeof long_key},
         SLICE_INIT("Test Using Larger Than Block-Size Key - Hash Key First"),
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    };
    struct arena *arena = arena_new();

    memset(long_key, 0xaa, sizeof long_key);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t out[SHA256_BYTES];

        hmac_sha256(cases[i].key, cases[i].text, out);
        assert_string_equal(text_hex(arena, out, sizeof out).p, cases[i].mac);
    }
    arena_free(arena);
}

static void randomness(void **state)
{
    unsigned seen[6] = {0};
    uint8_t a[32], b[32];

    random_bytes(a, sizeof a);
    random_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    for (size_t i = 0; i < 6000; i++)
        seen[random_below(COUNT_OF(seen))]++;
    for (size_t i = 0; i < COUNT_OF(seen); i++)
        assert_in_range(seen[i], 750, 1250); /* 1000 expected, deviation 29 */
    assert_int_equal(random_below(1), 0);
    assert_true(random_below(UINT64_MAX) < UINT64_MAX);
}

static void equality(void **state)
{
    assert_true(crypto_equal(SLICE("abc"), SLICE("abc")));
    assert_false(crypto_equal(SLICE("abc"), SLICE("abd")));
    assert_false(crypto_equal(SLICE("abc"), SLICE("ab")));
    assert_true(crypto_equal(SLICE(""), SLICE_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256), cmocka_unit_test(sha256_goes_on), cmocka_unit_test(digests),
        cmocka_unit_test(hmac),   cmocka_unit_test(randomness),     cmocka_unit_test(equality),
    };

    crypto_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
