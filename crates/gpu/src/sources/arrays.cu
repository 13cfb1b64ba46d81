// Arrays of f32 in another order, and groups of them multiplied.
// Any grid and block; threads stride over the values of what is written.

// to [outer, columns, rows] <- from [outer, rows, columns].
extern "C" __global__ void swap_axes(float *to, const float *from, int outer, int rows, int columns) {
    int n = outer * rows * columns;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        int row = i % rows, column = i / rows % columns, first = i / rows / columns * rows;
        to[i] = from[(long long)(first + row) * columns + column];
    }
}

// to <- from by[i / group]; nothing of a group whose factor is 0, whatever is in it.
extern "C" __global__ void scale_groups(float *to, const float *from, const float *by, int group, int n) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        float factor = by[i / group];
        to[i] = factor == 0.0f ? 0.0f : from[i] * factor;
    }
}
