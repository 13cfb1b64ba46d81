// Mean over the pixels of each image: x [images, pixels, c], y [images, c]; and its gradient.
// Any grid and block; threads stride over the values of what is written.

template <typename T> __device__ void forward(T *y, const T *x, int images, int pixels, int c) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < images * c; i += gridDim.x * blockDim.x) {
        const T *from = x + (long long)(i / c) * pixels * c + i % c;
        float sum = 0.0f;
#pragma unroll 16
        for (int pixel = 0; pixel < pixels; pixel++) sum += widen(from[(long long)pixel * c]);
        y[i] = narrow<T>(sum / (float)pixels);
    }
}

template <typename T> __device__ void backward(T *dx, const T *dy, int images, int pixels, int c) {
    int values = images * pixels * c;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < values; i += gridDim.x * blockDim.x) {
        dx[i] = narrow<T>(widen(dy[i / (pixels * c) * c + i % c]) / (float)pixels);
    }
}

extern "C" __global__ void mean_pool_f32(float *y, const float *x, int images, int pixels, int c) { forward(y, x, images, pixels, c); }
extern "C" __global__ void mean_pool_bf16(bf16 *y, const bf16 *x, int images, int pixels, int c) { forward(y, x, images, pixels, c); }
extern "C" __global__ void mean_pool_gradient_f32(float *dx, const float *dy, int images, int pixels, int c) { backward(dx, dy, images, pixels, c); }
extern "C" __global__ void mean_pool_gradient_bf16(bf16 *dx, const bf16 *dy, int images, int pixels, int c) { backward(dx, dy, images, pixels, c); }
