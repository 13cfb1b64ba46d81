// Element by element over n values of arrays aligned to 16 bytes: conversion of storage, sums of gradients.
// Grid: any number of blocks along x; block: any number of threads. Every thread strides over the values.

template <typename To, typename From>
__device__ void convert(To *to, const From *from, u32 n) {
    for (u32 i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        to[i] = narrow<To>(widen(from[i]));
    }
}

// to <- to + from, in runs of V and a rest.
template <typename T, int V> __device__ void add(T *to, const T *from, u32 n) {
    u32 first = blockIdx.x * blockDim.x + threadIdx.x, stride = gridDim.x * blockDim.x;
    for (u32 run = first; run < n / V; run += stride) {
        Run<T, V> a = ((const Run<T, V> *)to)[run], b = ((const Run<T, V> *)from)[run];
#pragma unroll
        for (int v = 0; v < V; v++) a.values[v] = narrow<T>(widen(a.values[v]) + widen(b.values[v]));
        ((Run<T, V> *)to)[run] = a;
    }
    for (u32 i = n / V * V + first; i < n; i += stride) to[i] = narrow<T>(widen(to[i]) + widen(from[i]));
}

// y <- a + b, or a alone where there is no b.
template <typename T> __device__ void sum(T *y, const T *a, const T *b, u32 n) {
    for (u32 i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        y[i] = b ? narrow<T>(widen(a[i]) + widen(b[i])) : a[i];
    }
}

extern "C" __global__ void convert_f32_to_bf16(bf16 *to, const float *from, u32 n) { convert(to, from, n); }
extern "C" __global__ void convert_bf16_to_f32(float *to, const bf16 *from, u32 n) { convert(to, from, n); }
extern "C" __global__ void copy_f32(float *to, const float *from, u32 n) { convert(to, from, n); }
extern "C" __global__ void add_f32(float *to, const float *from, u32 n) { add<float, 4>(to, from, n); }
extern "C" __global__ void add_bf16(bf16 *to, const bf16 *from, u32 n) { add<bf16, 8>(to, from, n); }
extern "C" __global__ void sum_f32(float *y, const float *a, const float *b, u32 n) { sum(y, a, b, n); }
extern "C" __global__ void sum_bf16(bf16 *y, const bf16 *a, const bf16 *b, u32 n) { sum(y, a, b, n); }
