/* cli/market/usage.h - `mayfly ledger usage`; argv[0] is "ledger". */
#ifndef CLI_MARKET_USAGE_H
#define CLI_MARKET_USAGE_H

int usage_main(int argc, char **argv);

#endif
