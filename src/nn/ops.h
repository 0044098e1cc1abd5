/* ops.h - the list of operations: one line for each record, which is cull__op_NAME. */
X(add)
X(cross_entropy)
X(linear)
X(relu)
X(weighted_sum)
