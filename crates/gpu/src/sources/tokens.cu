// Images as tokens. Any grid and block; threads stride over the values of what is written.
//   patches: x [n, side, side, c] to [n, (side / patch)^2, c patch^2], a vector over channel, row, column
//   prepend: x [n, tokens, d], class token [d], positions [tokens + 1, d] to [n, tokens + 1, d]
//   drop_first: [n, tokens + 1, d] to [n, tokens, d], the gradient of prepend
//   first_token: [n, tokens, d] to [n, d], and its gradient, which writes zeros elsewhere

template <typename T> __device__ void patches(T *y, const T *x, int n, int side, int c, int patch) {
    int area = patch * patch, grid = side / patch;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n * side * side * c; i += gridDim.x * blockDim.x) {
        int within = i % (c * area), token = i / (c * area) % (grid * grid), image = i / (c * side * side);
        int row = token / grid * patch + within % area / patch, column = token % grid * patch + within % patch;
        y[i] = x[((image * side + row) * side + column) * c + within / area];
    }
}

template <typename T>
__device__ void prepend(T *y, const T *x, const float *cls, const float *positions, int n, int tokens, int d) {
    int one = (tokens + 1) * d;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n * one; i += gridDim.x * blockDim.x) {
        int image = i / one, within = i % one;
        float value = within < d ? cls[within] : widen(x[image * tokens * d + within - d]);
        y[i] = narrow<T>(value + positions[within]);
    }
}

template <typename T> __device__ void drop_first(T *dx, const T *dy, int n, int tokens, int d) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n * tokens * d; i += gridDim.x * blockDim.x) {
        dx[i] = dy[i / (tokens * d) * (tokens + 1) * d + d + i % (tokens * d)];
    }
}

template <typename T> __device__ void first(T *y, const T *x, int n, int tokens, int d) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n * d; i += gridDim.x * blockDim.x) {
        y[i] = x[i / d * tokens * d + i % d];
    }
}

template <typename T> __device__ void first_gradient(T *dx, const T *dy, int n, int tokens, int d) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n * tokens * d; i += gridDim.x * blockDim.x) {
        int within = i % (tokens * d);
        dx[i] = within < d ? dy[i / (tokens * d) * d + within] : narrow<T>(0.0f);
    }
}

extern "C" __global__ void patches_f32(float *y, const float *x, int n, int side, int c, int patch) { patches(y, x, n, side, c, patch); }
extern "C" __global__ void prepend_f32(float *y, const float *x, const float *cls, const float *positions, int n, int tokens, int d) {
    prepend(y, x, cls, positions, n, tokens, d);
}
extern "C" __global__ void drop_first_f32(float *dx, const float *dy, int n, int tokens, int d) { drop_first(dx, dy, n, tokens, d); }
extern "C" __global__ void first_token_f32(float *y, const float *x, int n, int tokens, int d) { first(y, x, n, tokens, d); }
extern "C" __global__ void first_token_gradient_f32(float *dx, const float *dy, int n, int tokens, int d) { first_gradient(dx, dy, n, tokens, d); }
extern "C" __global__ void patches_bf16(bf16 *y, const bf16 *x, int n, int side, int c, int patch) { patches(y, x, n, side, c, patch); }
extern "C" __global__ void prepend_bf16(bf16 *y, const bf16 *x, const float *cls, const float *positions, int n, int tokens, int d) {
    prepend(y, x, cls, positions, n, tokens, d);
}
extern "C" __global__ void drop_first_bf16(bf16 *dx, const bf16 *dy, int n, int tokens, int d) { drop_first(dx, dy, n, tokens, d); }
extern "C" __global__ void first_token_bf16(bf16 *y, const bf16 *x, int n, int tokens, int d) { first(y, x, n, tokens, d); }
extern "C" __global__ void first_token_gradient_bf16(bf16 *dx, const bf16 *dy, int n, int tokens, int d) { first_gradient(dx, dy, n, tokens, d); }
