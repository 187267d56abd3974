/** x of A x = b for a symmetric positive definite A, given row by row; null where A is not. Cholesky. */
export function solveSymmetric(matrix: readonly (readonly number[])[], b: readonly number[]): readonly number[] | null {
  const size = b.length;
  const lower = matrix.map((row) => [...row]);
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column <= row; column += 1) {
      let value = lower[row]![column]!;
      for (let k = 0; k < column; k += 1) value -= lower[row]![k]! * lower[column]![k]!;
      if (row === column) {
        if (!(value > 0)) return null;
        lower[row]![row] = Math.sqrt(value);
      } else lower[row]![column] = value / lower[column]![column]!;
    }
  }
  const x = [...b];
  for (let row = 0; row < size; row += 1) {
    for (let k = 0; k < row; k += 1) x[row] = x[row]! - lower[row]![k]! * x[k]!;
    x[row] = x[row]! / lower[row]![row]!;
  }
  for (let row = size - 1; row >= 0; row -= 1) {
    for (let k = row + 1; k < size; k += 1) x[row] = x[row]! - lower[k]![row]! * x[k]!;
    x[row] = x[row]! / lower[row]![row]!;
  }
  return x;
}
