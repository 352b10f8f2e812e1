/*
 * What C leaves out about arrays.
 */
#ifndef ARRAY_H
#define ARRAY_H

/* How many elements; of an array itself, not of a pointer to one. */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
