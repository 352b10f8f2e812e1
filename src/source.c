#include "source.h"

#include "arena.h"
#include "dbt.h"
#include "elementary.h"
#include "event.h"
#include "fivetran.h"
#include "generic.h"
#include "incidentio.h"
#include "montecarlo.h"
#include "sign.h"
#include "tree.h"
#include "wording.h"

#include <string.h>

const struct source_kind *const source_kinds[] = {
	&source_dbt,
	&source_elementary,
	&source_fivetran,
	&source_generic,
	&source_incidentio,
	&source_montecarlo,
	NULL,
};

const struct source_kind *
source_kind_find(const char *name)
{
	for (size_t i = 0; source_kinds[i] != NULL; i++)
		if (strcmp(source_kinds[i]->name, name) == 0)
			return source_kinds[i];
	return NULL;
}

void
source_read(const struct source *s, const struct source_request *r,
    struct arena *a, struct source_reading *out)
{
	s->kind->read(s, r, a, out);
	for (struct source_item *i = out->items; i != NULL; i = i->next)
		wording_pick(s->wording, r->tree, i, a);
}

bool
source_speaks(const struct source_item *i, const struct tree *known)
{
	return !i->only_known || (known != NULL && !event_resolved(known));
}

const struct option_value *
source_option(const struct source *s, const char *name)
{
	static const struct option_value none = { NULL, 0 };

	if (s->values == NULL || s->kind->options == NULL)
		return &none;
	for (size_t i = 0; s->kind->options[i].name != NULL; i++)
		if (strcmp(s->kind->options[i].name, name) == 0)
			return &s->values[i];
	return &none;
}

const char *
source_digest(struct arena *a, const void *bytes, size_t n)
{
	unsigned char sum[SIGN_MAX];
	char *hex = arena_alloc(a, 2 * sign_size(SIGN_SHA256) + 1);

	sign_digest(SIGN_SHA256, bytes, n, sum);
	sign_hex(sum, sign_size(SIGN_SHA256), hex);
	return hex;
}

const char *
source_key(struct arena *a, const char *prefix, const char *id, size_t len,
    const char **original)
{
	size_t before = prefix == NULL ? 0 : strlen(prefix);
	char *whole = arena_alloc(a, before + len + 1);
	const char *fit;

	if (before > 0)
		memcpy(whole, prefix, before);
	if (len > 0)
		memcpy(whole + before, id, len);
	whole[before + len] = '\0';
	fit = tree_cstr(tree_strn(a, whole + before, len), a);
	*original = NULL;
	/* What needed no change to be fit to send is UTF-8 without NUL. */
	if (before + len > 0 && before + len <= EVENT_KEY_MAX &&
	    strlen(fit) == len && memcmp(fit, id, len) == 0)
		return whole;
	*original = fit;
	return source_digest(a, whole, before + len);
}
