// Sums of columns, in two stages of fixed order.
//
// column_sums: out[stretch][column] = sum over the stretch's rows of from[row][column], rows `pitch` values apart.
// Grid: x = groups of 32 V columns, y = stretches of rows. Block: 256 threads, 8 rows of 32 runs of V columns; the
// eight sums of a column are added in order. With `add` the sums go onto what is there. V divides columns and pitch.
//
// gather_columns: the sums of many arrays of f32 at once. Grid: x = groups of 32 columns of the widest, y = arrays.
// Block: 1024 threads, 32 rows of 32 columns.

struct Part {
    const float *from;
    float *to;
    int rows, columns, pitch, add;
};

template <typename T, int V>
__device__ void column_sums(float *out, const T *from, int rows, int columns, int pitch, int stretch, int add) {
    __shared__ float sums[8][32 * V + 1];
    int lane = (int)threadIdx.x % 32, line = (int)threadIdx.x / 32, column = ((int)blockIdx.x * 32 + lane) * V;
    int first = (int)blockIdx.y * stretch, end = first + stretch < rows ? first + stretch : rows;
    float mine[V];
#pragma unroll
    for (int v = 0; v < V; v++) mine[v] = 0.0f;
    if (column < columns) {
#pragma unroll 8
        for (int row = first + line; row < end; row += 8) {
            Run<T, V> run = *(const Run<T, V> *)(from + (long long)row * pitch + column);
#pragma unroll
            for (int v = 0; v < V; v++) mine[v] += widen(run.values[v]);
        }
    }
#pragma unroll
    for (int v = 0; v < V; v++) sums[line][lane * V + v] = mine[v];
    __syncthreads();
    for (int i = (int)threadIdx.x; i < 32 * V; i += 256) {
        int at = (int)blockIdx.x * 32 * V + i;
        if (at >= columns) continue;
        float *to = out + (long long)blockIdx.y * columns + at, total = add ? *to : 0.0f;
        for (int row = 0; row < 8; row++) total += sums[row][i];
        *to = total;
    }
}

extern "C" __global__ void __launch_bounds__(256) column_sums_f32(float *out, const float *from, int rows, int columns, int pitch, int stretch, int add) {
    column_sums<float, 4>(out, from, rows, columns, pitch, stretch, add);
}
extern "C" __global__ void __launch_bounds__(256) column_sums_bf16(float *out, const bf16 *from, int rows, int columns, int pitch, int stretch, int add) {
    column_sums<bf16, 8>(out, from, rows, columns, pitch, stretch, add);
}
extern "C" __global__ void __launch_bounds__(256) column_sums_f32_single(float *out, const float *from, int rows, int columns, int pitch, int stretch, int add) {
    column_sums<float, 1>(out, from, rows, columns, pitch, stretch, add);
}
extern "C" __global__ void __launch_bounds__(256) column_sums_bf16_single(float *out, const bf16 *from, int rows, int columns, int pitch, int stretch, int add) {
    column_sums<bf16, 1>(out, from, rows, columns, pitch, stretch, add);
}

extern "C" __global__ void __launch_bounds__(1024) gather_columns(const Part *parts) {
    __shared__ float sums[32][33];
    Part part = parts[blockIdx.y];
    int lane = (int)threadIdx.x % 32, line = (int)threadIdx.x / 32, first = (int)blockIdx.x * 32;
    if (first >= part.columns) return;
    float sum = 0.0f;
    if (first + lane < part.columns) {
#pragma unroll 8
        for (int row = line; row < part.rows; row += 32) sum += part.from[(long long)row * part.pitch + first + lane];
    }
    sums[line][lane] = sum;
    __syncthreads();
    sum = warp_sum(sums[lane][line]);
    if (lane != 0 || first + line >= part.columns) return;
    float *to = part.to + first + line;
    *to = part.add ? *to + sum : sum;
}
