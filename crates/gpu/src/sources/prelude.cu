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
    bf16 out;
#ifdef EMULATED
    u32 bits = float_to_bits(value);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u) {
        out.bits = (u16)((bits >> 16) | 0x40u);
    } else {
        out.bits = (u16)((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
    }
#else
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(out.bits) : "f"(value));
#endif
    return out;
}

// Two values in a word, the first in its lower half.
__device__ inline u32 narrow_both(float first, float second) {
#ifdef EMULATED
    return (u32)narrow<bf16>(first).bits | (u32)narrow<bf16>(second).bits << 16;
#else
    u32 both;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(second), "f"(first));
    return both;
#endif
}

// exp to a few units in the last place, in two instructions.
__device__ inline float quick_exp(float value) {
#ifdef EMULATED
    return expf(value);
#else
    return __expf(value);
#endif
}

// V values that lie together and are read together; 16 bytes at most.
template <typename T, int V> struct alignas(sizeof(T) * V) Run {
    T values[V];
};

// V values rounded together.
template <int V> __device__ inline void narrow_run(Run<float, V> &to, const float (&from)[V]) {
#pragma unroll
    for (int v = 0; v < V; v++) to.values[v] = from[v];
}
template <int V> __device__ inline void narrow_run(Run<bf16, V> &to, const float (&from)[V]) {
    if constexpr (V == 1) {
        to.values[0] = narrow<bf16>(from[0]);
    } else {
#pragma unroll
        for (int v = 0; v < V; v += 2) {
            u32 both = narrow_both(from[v], from[v + 1]);
            to.values[v].bits = (u16)both;
            to.values[v + 1].bits = (u16)(both >> 16);
        }
    }
}

#define INFINITE bits_to_float(0x7F800000u)

// Products and sums that are rounded one by one, never together, where bits must agree with the processor's.
#ifdef EMULATED
__device__ inline float times(float a, float b) { return a * b; }
__device__ inline float plus(float a, float b) { return a + b; }
__device__ inline double times(double a, double b) { return a * b; }
__device__ inline double plus(double a, double b) { return a + b; }
#else
__device__ inline float times(float a, float b) { return __fmul_rn(a, b); }
__device__ inline float plus(float a, float b) { return __fadd_rn(a, b); }
__device__ inline double times(double a, double b) { return __dmul_rn(a, b); }
__device__ inline double plus(double a, double b) { return __dadd_rn(a, b); }
#endif

// Where a training step is in its epoch, and whether it goes on.
struct State {
    u32 step;
    // 1 once a step was refused or overflowed; no later step changes anything.
    u32 failed;
    // What `decide` found for this step: whether to update, and what to multiply the gradient by.
    u32 update;
    float shrink;
};

// What is kept of a step, for the host to read.
struct Record {
    double loss;
    u32 correct, refused, overflowed, done;
};

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

// Four matrices of 8 rows of 16 bytes in shared memory as fragments (PTX ISA, "ldmatrix"): lane 8 i + j brings the
// address of row j of matrix i, aligned to 16 bytes; lane l gets word l % 4 of row l / 4 of each matrix.
__device__ inline void load_matrices(u32 (&to)[4], const void *row) {
#ifdef EMULATED
    unsigned long long (*rows)[4] = emulator::exchange(&row, sizeof row);
    int lane = (int)threadIdx.x % 32;
    for (int i = 0; i < 4; i++) {
        const u32 *from;
        __builtin_memcpy(&from, rows[8 * i + lane / 4], sizeof from);
        to[i] = from[lane % 4];
    }
#else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"((u32)__cvta_generic_to_shared(row))
                 : "memory");
#endif
}

// The same of the transposes of matrices of 8 x 8 bf16: lane l gets value l / 4 of rows 2 (l % 4) and the next.
__device__ inline void load_matrices_across(u32 (&to)[4], const bf16 *row) {
#ifdef EMULATED
    unsigned long long (*rows)[4] = emulator::exchange(&row, sizeof row);
    int lane = (int)threadIdx.x % 32;
    for (int i = 0; i < 4; i++) {
        const bf16 *first, *second;
        __builtin_memcpy(&first, rows[8 * i + lane % 4 * 2], sizeof first);
        __builtin_memcpy(&second, rows[8 * i + lane % 4 * 2 + 1], sizeof second);
        to[i] = (u32)first[lane / 4].bits | (u32)second[lane / 4].bits << 16;
    }
#else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"((u32)__cvta_generic_to_shared(row))
                 : "memory");
#endif
}

// To nearest with ten bits of fraction, ties away from zero.
__device__ inline float rounded_to_tf32(float value) {
    u32 bits;
#ifdef EMULATED
    bits = float_to_bits(value);
    if ((bits & 0x7F800000u) != 0x7F800000u) bits = (bits + 0x1000u) & 0xFFFFE000u;
#else
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
#endif
    return bits_to_float(bits);
}

// C += A B for one warp on the tensor cores: A is 16 x 8 and B is 8 x 8 of floats rounded to tf32, C is 16 x 8 of
// float, in the fragments of mma.sync.m16n8k8 (PTX ISA, "Matrix Fragments for mma.m16n8k8").
__device__ inline void multiply_add_16x8x8(float (&c)[4], const u32 (&a)[4], const u32 (&b)[2]) {
#ifdef EMULATED
    struct Fragments { u32 a[4], b[2]; } mine = {{a[0], a[1], a[2], a[3]}, {b[0], b[1]}}, all[32];
    unsigned long long (*shown)[4] = emulator::exchange(&mine, sizeof mine);
    for (int lane = 0; lane < 32; lane++) __builtin_memcpy(&all[lane], shown[lane], sizeof mine);
    int group = (int)threadIdx.x % 32 / 4, pair = (int)threadIdx.x % 4 * 2;
    for (int i = 0; i < 4; i++) {
        int row = group + i / 2 * 8, column = pair + i % 2;
        for (int k = 0; k < 8; k++) {
            u32 wa = all[row % 8 * 4 + k % 4].a[row / 8 + k / 4 * 2], wb = all[column * 4 + k % 4].b[k / 4];
            c[i] += bits_to_float(wa) * bits_to_float(wb);
        }
    }
#else
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

// C += A B for one warp on the tensor cores: A is 16 x 16 and B is 16 x 8 of bf16, C is 16 x 8 of float, in the
// fragments of mma.sync.m16n8k16 (PTX ISA, "Matrix Fragments for mma.m16n8k16").
__device__ inline void multiply_add_16x8x16(float (&c)[4], const u32 (&a)[4], const u32 (&b)[2]) {
#ifdef EMULATED
    struct Fragments { u32 a[4], b[2]; } mine = {{a[0], a[1], a[2], a[3]}, {b[0], b[1]}}, all[32];
    unsigned long long (*shown)[4] = emulator::exchange(&mine, sizeof mine);
    for (int lane = 0; lane < 32; lane++) __builtin_memcpy(&all[lane], shown[lane], sizeof mine);
    int group = (int)threadIdx.x % 32 / 4, pair = (int)threadIdx.x % 4 * 2;
    for (int i = 0; i < 4; i++) {
        int row = group + i / 2 * 8, column = pair + i % 2;
        for (int k = 0; k < 16; k++) {
            u32 wa = all[row % 8 * 4 + k % 8 / 2].a[row / 8 + k / 8 * 2], wb = all[column * 4 + k % 8 / 2].b[k / 8];
            c[i] += bits_to_float(wa >> k % 2 * 16 << 16) * bits_to_float(wb >> k % 2 * 16 << 16);
        }
    }
#else
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}
