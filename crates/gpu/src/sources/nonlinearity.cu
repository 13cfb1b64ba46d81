// y <- f(x) and dx <- dy f'(x) over n values: the ReLU, in which NaN stays NaN, or the exact GELU.
// Any grid and block; threads stride over the values.

template <typename T> __device__ void forward(T *y, const T *x, u32 n, int gelu) {
    for (u32 i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        float at = widen(x[i]);
        y[i] = narrow<T>(gelu ? at * normal<T>(at).below : at < 0.0f ? 0.0f : at);
    }
}

template <typename T> __device__ void backward(T *dx, const T *dy, const T *x, u32 n, int gelu) {
    for (u32 i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        float at = widen(x[i]), gradient = widen(dy[i]);
        if (gelu) {
            Normal p = normal<T>(at);
            gradient *= p.below + at * p.density;
        } else if (!(at > 0.0f)) {
            gradient = 0.0f;
        }
        dx[i] = narrow<T>(gradient);
    }
}

extern "C" __global__ void nonlinearity_f32(float *y, const float *x, u32 n, int gelu) { forward(y, x, n, gelu); }
extern "C" __global__ void nonlinearity_bf16(bf16 *y, const bf16 *x, u32 n, int gelu) { forward(y, x, n, gelu); }
extern "C" __global__ void nonlinearity_gradient_f32(float *dx, const float *dy, const float *x, u32 n, int gelu) { backward(dx, dy, x, n, gelu); }
extern "C" __global__ void nonlinearity_gradient_bf16(bf16 *dx, const bf16 *dy, const bf16 *x, u32 n, int gelu) { backward(dx, dy, x, n, gelu); }
