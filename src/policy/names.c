/* SPDX-License-Identifier: Apache-2.0 */
/* names.c - rules whose target is a name, not an address */
#include "policy/names.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* One label of a name; len may be 0. */
static int check_label(const char *label, size_t len, struct error *err)
{
	if (!len)
		return error_set(err, -EINVAL,
		                 "two dots without a label between them, or a "
		                 "dot at the front");
	if (len > 63)
		return error_set(err, -EINVAL,
		                 "a label of %zu bytes, at most 63", len);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)label[i];

		if (c >= 0x80)
			return error_set(err, -EINVAL,
			                 "only ASCII; write the xn-- "
			                 "spelling of the name");
		if (!isalnum(c) && c != '-' && c != '_')
			return error_set(err, -EINVAL,
			                 isprint(c) ? "\"%c\" is in no host "
			                              "name"
			                            : "byte %u is in no host "
			                              "name",
			                 c);
	}
	return 0;
}

int policy_name_canonical(const char *text, size_t len,
                          char out[POLICY_NAME_MAX + 1], struct error *err)
{
	const char *last_label = text;
	size_t start = 0;

	if (len && text[len - 1] == '.')
		len--;
	if (!len)
		return error_set(err, -EINVAL, "an empty name");
	if (len > POLICY_NAME_MAX)
		return error_set(err, -EINVAL,
		                 "a name of %zu bytes, at most %d", len,
		                 POLICY_NAME_MAX);
	for (size_t i = 0; i <= len; i++) {
		int rc;

		if (i < len && text[i] != '.')
			continue;
		rc = check_label(text + start, i - start, err);
		if (rc < 0)
			return rc;
		last_label = text + start;
		start = i + 1;
	}
	/* 1.2.3 and 0x7f.1 are addresses to inet_aton(3), never names */
	if (isdigit((unsigned char)*last_label))
		return error_set(err, -EINVAL,
		                 "\"%.*s\" is neither an address nor a name "
		                 "(its last label starts with a digit)",
		                 (int)len, text);
	for (size_t i = 0; i < len; i++)
		out[i] = (char)tolower((unsigned char)text[i]);
	out[len] = '\0';
	return 0;
}

int policy_names_add(struct policy *p, enum policy_action action,
                     const struct policy_target *t, uint32_t rule,
                     struct error *err)
{
	(void)p;
	(void)action;
	(void)rule;
	return error_set(err, -EOPNOTSUPP,
	                 "column 1: rules by name are not here yet (%s%s); "
	                 "write the address, a CIDR or a @group",
	                 t->subdomains ? "*." : "", t->name);
}
