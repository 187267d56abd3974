// cuda_table [group]: every kernel x case x schedule, one JSON line each {op, case, schedule, error, tolerance, ok},
// and `message` where the emulation stopped a kernel. A schedule's name ends in the fill of unwritten memory. The last
// line counts {launches, mma, ldmatrix, bankConflicts, checked}. Exit status 1 when any is not ok.
#include "table.h"

int main(int argc, char** argv) { return loratwin::test::runCudaTable(argc > 1 ? argv[1] : ""); }
