/* Times and places as files write them. */
#include "decode/iso6709.h"
#include "decode/when.h"
#include "unit.h"

#include <math.h>

static void test_times(void **state)
{
    static const struct {
        const char *text;
        char separator;
        const char *offset;
        uint64_t unix_s; /* 0: refused */
    } cases[] = {
        {"2020:01:24 23:11:52", ':', "", 1579907512},
        {"2020:01:24 23:11:52", ':', "+03:00", 1579907512 - 3 * 3600},
        {"2020:01:24 23:11:52", ':', "-02:30", 1579907512 + 9000},
        {"2020:01:24 23:11:52", ':', "Z", 1579907512},
        {"2020-01-24T23:11:52.000000Z", '-', "", 1579907512},
        {"2020-01-24T23:11:52+0100", '-', "", 1579907512 - 3600},
        {"2020-01-24T23:11:52+0100", '-', "+09:00", 1579907512 - 3600},
        {"2020:02:29 00:00:00", ':', "", 1582934400},
        {"9999:12:31 23:59:59", ':', "", 253402300799},
        {"9999:12:31 23:59:59", ':', "-00:01", 0},
        {"9999:12:31 23:59:60", ':', "", 0},
        {"9999-12-31T12:00:00-1559", '-', "", 0},
        {"1970:01:01 00:00:01", ':', "+00:01", 0},
        {"2021:02:29 00:00:00", ':', "", 0},
        {"2020:13:01 00:00:00", ':', "", 0},
        {"2020:00:01 00:00:00", ':', "", 0},
        {"2020:01:24 24:00:00", ':', "", 0},
        {"0000:00:00 00:00:00", ':', "", 0},
        {"1904-01-01T00:00:00.000000Z", '-', "", 0},
        {"2020:01:24 23:11", ':', "", 0},
        {"2020:01:24 23:11:5a", ':', "", 0},
        {"2020:01:24 23:11:52", ':', "+3", 0},
        {"2020:01:24 23:11:52", ':', "+03:00x", 0},
        {"2020:01:24 23:11:52 and more", ':', "", 0},
        {"    :  :     :  :  ", ':', "", 0},
        {"", ':', "", 0},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint64_t unix_ms = 0;
        bool fine = when_parse(slice_from(cases[i].text), cases[i].separator,
                               slice_from(cases[i].offset), &unix_ms);

        if (fine != (cases[i].unix_s != 0) || (fine && unix_ms != cases[i].unix_s * 1000))
            fail_msg("%s %s gave %llu", cases[i].text, cases[i].offset,
                     (unsigned long long)unix_ms);
    }
}

static void test_places(void **state)
{
    static const struct {
        const char *text;
        bool fine, high;
        double latitude, longitude, altitude;
    } cases[] = {
        {"+59.8530+030.3000/", true, false, 59.853, 30.3, 0},
        {"-15.8356-048.0155+1134.1/", true, true, -15.8356, -48.0155, 1134.1},
        {"+00.0000+000.0000/", false, false, 0, 0, 0},
        {"+91.0000+000.0000/", false, false, 0, 0, 0},
        {"+12.0000-181.0000/", false, false, 0, 0, 0},
        {"12.0+3.0/", false, false, 0, 0, 0},
        {"+12.0", false, false, 0, 0, 0},
        {"+1.2.3+4.0/", false, false, 0, 0, 0},
        {"+.+./", false, false, 0, 0, 0},
        {"", false, false, 0, 0, 0},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct wire_location location;

        if (iso6709_parse(slice_from(cases[i].text), &location) != cases[i].fine)
            fail_msg("%s", cases[i].text);
        if (!cases[i].fine)
            continue;
        assert_true(fabs(location.latitude - cases[i].latitude) < 1e-9);
        assert_true(fabs(location.longitude - cases[i].longitude) < 1e-9);
        assert_int_equal(location.has_altitude, cases[i].high);
        assert_true(!cases[i].high || fabs(location.altitude - cases[i].altitude) < 1e-9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
