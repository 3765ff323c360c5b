/* users.h: how Media Vault shows an account. */
#pragma once

#include "gateway/request.h"
#include "state/account.h"

/* Never the password's hash. */
struct slice mediavault_user_json(struct arena *arena, const struct account *account);
