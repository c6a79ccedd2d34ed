/* post-sync - post, on the disk before anybody hears of it */
#include "../post/main.c"
