/* print_settings - the rows of the configuration schema, one a line with tabs between: block, key,
 * type, default, help. For the checker that compares them with the man pages. */
#include <stdio.h>

#include "settings.h"

int main(void)
{
	const struct setting_row *row;

	for (row = settings_rows(); row->key != NULL; row++)
		printf("%s\t%s\t%s\t%s\t%s\n", row->block, row->key, row->type,
		    row->fallback == NULL ? "" : row->fallback,
		    row->help == NULL ? "" : row->help);
	return 0;
}
