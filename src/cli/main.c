/* main.c - cull: choose what to keep, under a budget. */
#include "cli.h"

int main(int argc, char **argv) { return start(argc, argv, NULL); }
