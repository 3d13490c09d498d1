/* Gives each file named to the target: what libFuzzer found stays found, on a compiler that has no libFuzzer. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

#define INPUT_LIMIT (1 << 20)

int
main(int count, char **paths)
{
	for (int i = 1; i < count; i++)
	{
		FILE	   *file = fopen(paths[i], "rb");
		uint8_t    *input = malloc(INPUT_LIMIT);
		size_t		size;
		uint8_t    *exact;

		PROMISE(file != NULL && input != NULL);
		size = fread(input, 1, INPUT_LIMIT, file);
		PROMISE(fclose(file) == 0);
		/* Of its very size, so that a byte read behind it is noticed. */
		exact = realloc(input, size == 0 ? 1 : size);
		PROMISE(exact != NULL);
		LLVMFuzzerTestOneInput(exact, size);
		free(exact);
	}
	printf("%d\n", count - 1);
	return 0;
}
