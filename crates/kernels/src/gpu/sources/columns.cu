// Sums of columns: the second stage of every sum over rows, and the first of those of a bias.
// out[stretch][column] = sum over the stretch's rows of from[row][column], rows `pitch` values apart.
//
// Grid: x = groups of 32 columns, y = stretches of rows. Block: 256 threads, 8 rows of 32 columns; the eight sums
// of a column are added in order. Columns from `split` on go to `second`, counted from there. With `add` the sums
// go onto what is there.

template <typename T>
__device__ void column_sums(float *out, float *second, const T *from, int rows, int columns, int pitch, int stretch,
                            int split, int add) {
    __shared__ float sums[8][33];
    int lane = (int)threadIdx.x % 32, line = (int)threadIdx.x / 32, column = (int)blockIdx.x * 32 + lane;
    int first = (int)blockIdx.y * stretch, end = first + stretch < rows ? first + stretch : rows;
    float sum = 0.0f;
    if (column < columns)
        for (int row = first + line; row < end; row += 8) sum += widen(from[(long long)row * pitch + column]);
    sums[line][lane] = sum;
    __syncthreads();
    if (line != 0 || column >= columns) return;
    float *to = column < split ? out + (long long)blockIdx.y * split + column
                               : second + (long long)blockIdx.y * (columns - split) + column - split;
    float total = add ? *to : 0.0f;
    for (int i = 0; i < 8; i++) total += sums[i][lane];
    *to = total;
}

extern "C" __global__ void __launch_bounds__(256) column_sums_f32(float *out, float *second, const float *from, int rows, int columns, int pitch, int stretch, int split, int add) {
    column_sums(out, second, from, rows, columns, pitch, stretch, split, add);
}
extern "C" __global__ void __launch_bounds__(256) column_sums_bf16(float *out, float *second, const bf16 *from, int rows, int columns, int pitch, int stretch, int split, int add) {
    column_sums(out, second, from, rows, columns, pitch, stretch, split, add);
}
