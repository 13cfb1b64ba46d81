// What every source begins with. No header is included, so that the run-time compiler needs no include path.
// An emulator on the host defines EMULATED and the words of CUDA before this text.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

// bfloat16: the upper half of a float.
struct bf16 {
    u16 bits;
};

__device__ inline float bits_to_float(u32 bits) {
#ifdef EMULATED
    float value;
    __builtin_memcpy(&value, &bits, 4);
    return value;
#else
    return __uint_as_float(bits);
#endif
}

__device__ inline u32 float_to_bits(float value) {
#ifdef EMULATED
    u32 bits;
    __builtin_memcpy(&bits, &value, 4);
    return bits;
#else
    return __float_as_uint(value);
#endif
}

// Values are stored as T and computed with as float.
__device__ inline float widen(float value) { return value; }
__device__ inline float widen(bf16 value) { return bits_to_float((u32)value.bits << 16); }

template <typename T> __device__ T narrow(float value);
template <> __device__ inline float narrow<float>(float value) { return value; }
// To nearest, ties to even; NaN stays NaN.
template <> __device__ inline bf16 narrow<bf16>(float value) {
    u32 bits = float_to_bits(value);
    bf16 out;
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) {
        out.bits = (u16)((bits >> 16) | 0x40u);
    } else {
        out.bits = (u16)((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
    }
    return out;
}

// Sum over the 32 lanes, in every lane; the order is fixed.
__device__ inline float warp_sum(float value) {
    for (int distance = 16; distance > 0; distance /= 2) {
        value += __shfl_xor_sync(0xFFFFFFFFu, value, distance);
    }
    return value;
}

__device__ inline double warp_sum(double value) {
    for (int distance = 16; distance > 0; distance /= 2) {
        value += __shfl_xor_sync(0xFFFFFFFFu, value, distance);
    }
    return value;
}

__device__ inline float warp_max(float value) {
    for (int distance = 16; distance > 0; distance /= 2) {
        float other = __shfl_xor_sync(0xFFFFFFFFu, value, distance);
        value = other > value ? other : value;
    }
    return value;
}
