// Element by element over n values: conversion of storage, sums of gradients.
// Grid: any number of blocks along x; block: any number of threads. Every thread strides over the values.

template <typename To, typename From>
__device__ void convert(To *to, const From *from, u32 n) {
    for (u32 i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        to[i] = narrow<To>(widen(from[i]));
    }
}

// to <- to + from.
template <typename T> __device__ void add(T *to, const T *from, u32 n) {
    for (u32 i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
        to[i] = narrow<T>(widen(to[i]) + widen(from[i]));
    }
}

extern "C" __global__ void convert_f32_to_bf16(bf16 *to, const float *from, u32 n) { convert(to, from, n); }
extern "C" __global__ void convert_bf16_to_f32(float *to, const bf16 *from, u32 n) { convert(to, from, n); }
extern "C" __global__ void copy_f32(float *to, const float *from, u32 n) { convert(to, from, n); }
extern "C" __global__ void add_f32(float *to, const float *from, u32 n) { add(to, from, n); }
extern "C" __global__ void add_bf16(bf16 *to, const bf16 *from, u32 n) { add(to, from, n); }
