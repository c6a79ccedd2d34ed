/* tests/valgrind/control.c - has the mistakes that valgrind is there to find, each when asked for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char *argv[])
{
	const char *what = argc > 1 ? argv[1] : "";
	volatile char *volatile p = malloc(16);

	if (p == NULL)
		return 1;
	if (strcmp(what, "undefined") == 0 && p[3] == 7)
		puts("seven");
	if (strcmp(what, "outside") == 0)
		p[16] = 1;
	if (strcmp(what, "leak") != 0)
		free((void *)p);
	p = NULL;
	return 0;
}
