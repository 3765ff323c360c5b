#include "unit.h"

#include "gateway/surfaces/backup_repository/armour.h"

#define BEGIN "-----BEGIN PGP MESSAGE-----"
#define END "-----END PGP MESSAGE-----"
#define BODY "\n\nhQEMA5qC+dashes-----and\n=aB3d\n"
#define S(text) SLICE_INIT(text)

enum verdict { WAITING, REFUSED, BEGUN, COMPLETE };

static const struct {
    struct slice text;
    enum verdict verdict;
} rows[] = {
    {S(""), WAITING},
    {S("-"), WAITING},
    {S("-----BEGIN PGP MESSAGE----"), WAITING},
    {S(BEGIN), BEGUN},
    {S(BEGIN BODY), BEGUN},
    {S(BEGIN BODY END), COMPLETE},
    {S(BEGIN BODY END "\n"), COMPLETE},
    {S(BEGIN BODY END "\r\n\r\n \t\n"), COMPLETE},
    {S(BEGIN "\r\n\r\nhQEM\r\n" END "\r\n"), COMPLETE},
    {S(BEGIN END), COMPLETE},
    {S(BEGIN BODY END "\n" BODY END), COMPLETE},
    {S(BEGIN BODY END END), COMPLETE},
    {S(BEGIN BODY END "END PGP MESSAGE-----"), COMPLETE}, /* the dashes serve both */
    {S(BEGIN BODY "--" END), COMPLETE},
    {S(BEGIN BODY "-----END PGP -----" END), COMPLETE},
    {S(BEGIN BODY "-----END PGP MESSAGE---" END), COMPLETE},
    /* the header's dashes are not the footer's */
    {S(BEGIN "END PGP MESSAGE-----"), BEGUN},
    {S(BEGIN BODY "-----END PGP MESSAGE----"), BEGUN},
    {S(BEGIN BODY "----END PGP MESSAGE-----"), BEGUN},
    {S(BEGIN BODY "-----END PGP MESSAGE--- --"), BEGUN},
    {S(BEGIN BODY "-----END PGP  MESSAGE-----"), BEGUN},
    {S(BEGIN BODY "-----END PGP MESSAGE\n-----"), BEGUN},
    {S(BEGIN BODY "-----end pgp message-----"), BEGUN},
    {S(BEGIN BODY END "-"), BEGUN},
    {S(BEGIN BODY END "\0"), BEGUN},
    {S(BEGIN BODY END "x"), BEGUN},
    {S(BEGIN BODY END "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\nx"), BEGUN},
    {S(BEGIN BODY END "\nand more of whatever it may be\n"), BEGUN},
    {S(BEGIN BODY END "\n" BEGIN), BEGUN},
    {S(BEGIN BODY END "\n "
                      "-----END PGP MESSAGE"),
     BEGUN},
    {S("\n" BEGIN BODY END), REFUSED},
    {S(" " BEGIN BODY END), REFUSED},
    {S("-" BEGIN BODY END), REFUSED},
    {S("-----BEGIN PGP MESSAGE----\n" BODY END), REFUSED},
    {S("-----BEGIN PGP SIGNED MESSAGE-----" BODY END), REFUSED},
    {S("-----begin pgp message-----" BODY END), REFUSED},
    {S(END), REFUSED},
    {S("\x85\x01\x0C\x03" BODY END), REFUSED},
    {S("\0"), REFUSED},
    {S("-----BEGIN\0PGP MESSAGE-----" BODY END), REFUSED},
};

static enum verdict verdict_of(const struct armour *armour)
{
    assert_false(armour_begins(armour) && armour_refused(armour));
    if (armour_complete(armour)) {
        assert_true(armour_begins(armour));
        return COMPLETE;
    }
    if (armour_refused(armour))
        return REFUSED;
    return armour_begins(armour) ? BEGUN : WAITING;
}

static void test_in_pieces_of_every_size(void **state)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct slice text = rows[i].text;

        for (size_t size = 1; size <= text.n + 1; size++) {
            struct armour armour;

            armour_init(&armour);
            for (size_t at = 0; at < text.n; at += size)
                armour_feed(&armour,
                            (struct slice){text.p + at, size < text.n - at ? size : text.n - at});
            if (verdict_of(&armour) != rows[i].verdict)
                fail_msg("row %zu in pieces of %zu: %d", i, size, (int)verdict_of(&armour));
        }
    }
}

static void test_in_two_pieces_and_nothing(void **state)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct slice text = rows[i].text;

        for (size_t cut = 0; cut <= text.n; cut++) {
            struct armour armour;

            armour_init(&armour);
            armour_feed(&armour, SLICE_NONE);
            armour_feed(&armour, (struct slice){text.p, cut});
            armour_feed(&armour, SLICE_NONE);
            armour_feed(&armour, slice_from_offset(text, cut));
            armour_feed(&armour, SLICE_NONE);
            if (verdict_of(&armour) != rows[i].verdict)
                fail_msg("row %zu cut at %zu: %d", i, cut, (int)verdict_of(&armour));
        }
    }
}

/* It is known early: nobody has to send a backup to its end to hear that it is none. */
static void test_the_first_wrong_byte_refuses(void **state)
{
    struct slice text = SLICE(BEGIN);

    for (size_t at = 0; at < text.n; at++) {
        struct armour armour;

        armour_init(&armour);
        armour_feed(&armour, (struct slice){text.p, at});
        assert_int_equal(verdict_of(&armour), WAITING);
        armour_feed(&armour, SLICE("x"));
        assert_int_equal(verdict_of(&armour), REFUSED);
        armour_feed(&armour, SLICE(BEGIN BODY END));
        assert_int_equal(verdict_of(&armour), REFUSED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_pieces_of_every_size),
        cmocka_unit_test(test_in_two_pieces_and_nothing),
        cmocka_unit_test(test_the_first_wrong_byte_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
