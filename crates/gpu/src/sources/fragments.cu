// Tiles of attention on the tensor cores: a warp's own 16 rows, the others in shared memory, and their products. A
// lane's fragments are those of mma.sync.m16n8k16 (bf16) and m16n8k8 (tf32): rows `group` and `group + 8`, columns `pair`
// and `pair + 1` of each tile of 8; so scores become the next product's left side where they are. Heads have at most
// MOST channels, 32 or 64; rows and channels that are not there are zeros.

// What a product on the tensor cores takes: values in a word, and its depth.
template <typename T> struct Factor {
    static const int PER_WORD = 4 / sizeof(T), DEPTH = 8 * PER_WORD, RUN = 16 / sizeof(T);
};
template <typename T> using Vector = Run<T, 16 / sizeof(T)>;

// Rows lie so that the 8 rows of a small matrix are in different banks. As many as there is room for.
template <typename T, int MOST> struct Others {
    static const int CHUNK = MOST * sizeof(T) > 128 ? 64 : 96;
    alignas(16) T values[CHUNK][MOST + Factor<T>::RUN];
};

__device__ inline bf16 factor(bf16 value) { return value; }
__device__ inline float factor(float value) { return rounded_to_tf32(value); }

__device__ inline int group() { return (int)threadIdx.x % 32 / 4; }
__device__ inline int pair() { return (int)threadIdx.x % 4 * 2; }
__device__ inline int first_row(int tile) { return tile * ((int)blockDim.x / 2) + (int)threadIdx.x / 32 * 16; }

// Tokens of a chunk that begins with `first`, with those that fill its last 16.
__device__ inline int filled(Head h, int first, int chunk) {
    int left = (h.tokens - first + 15) / 16 * 16;
    return left < chunk ? left : chunk;
}

// The tokens of a chunk of two arrays into shared memory.
template <typename T, int MOST>
__device__ void load_others(Others<T, MOST> &a, Others<T, MOST> &b, const T *from_a, const T *from_b, Head h, int first,
                            int width_a, int width_b) {
    const int RUN = Factor<T>::RUN, across = MOST / RUN;
    int count = filled(h, first, Others<T, MOST>::CHUNK) * across;
#pragma unroll 1
    for (int i = (int)threadIdx.x; i < count; i += (int)blockDim.x) {
        int other = i / across, channel = i % across * RUN;
        Vector<T> run_a = {}, run_b = {};
        if (first + other < h.tokens) {
            const T *at_a = from_a + h.row(first + other, width_a) + channel;
            const T *at_b = from_b + h.row(first + other, width_b) + channel;
            if (h.size % RUN == 0) {
                if (channel < h.size) {
                    run_a = *(const Vector<T> *)at_a;
                    run_b = *(const Vector<T> *)at_b;
                }
            } else {
                for (int v = 0; v < RUN; v++) {
                    if (channel + v >= h.size) break;
                    run_a.values[v] = at_a[v];
                    run_b.values[v] = at_b[v];
                }
            }
        }
#pragma unroll
        for (int v = 0; v < RUN; v++) {
            run_a.values[v] = factor(run_a.values[v]);
            run_b.values[v] = factor(run_b.values[v]);
        }
        *(Vector<T> *)&a.values[other][channel] = run_a;
        *(Vector<T> *)&b.values[other][channel] = run_b;
    }
}

// One word of a row, of which `left` values are there.
__device__ inline u32 load_word(const bf16 *from, int left, bool aligned) {
    if (left <= 0) return 0;
    if (aligned) return *(const u32 *)from;
    return (u32)from[0].bits | (left > 1 ? (u32)from[1].bits << 16 : 0u);
}
__device__ inline u32 load_word(const float *from, int left, bool) {
    return left > 0 ? float_to_bits(factor(*from)) : 0;
}

__device__ inline float word_product(bf16, u32 a, u32 b) {
    return bits_to_float(a << 16) * bits_to_float(b << 16) + bits_to_float(a & 0xFFFF0000u) * bits_to_float(b & 0xFFFF0000u);
}
__device__ inline float word_product(float, u32 a, u32 b) { return bits_to_float(a) * bits_to_float(b); }

__device__ inline void multiply_add(bf16, float (&c)[4], const u32 (&a)[4], const u32 (&b)[2]) { multiply_add_16x8x16(c, a, b); }
__device__ inline void multiply_add(float, float (&c)[4], const u32 (&a)[4], const u32 (&b)[2]) { multiply_add_16x8x8(c, a, b); }

// A warp's own 16 rows of an array, from `first` on, as left sides of products over channels.
template <typename T, int MOST> struct Own {
    static const int DEPTH = Factor<T>::DEPTH, STEPS = MOST / DEPTH;
    u32 words[STEPS][4];

    __device__ void load(const T *from, Head h, int width, int first) {
#pragma unroll
        for (int i = 0; i < STEPS * 4; i++) {
            int token = first + group() + i % 2 * 8;
            int channel = i / 4 * DEPTH + i % 4 / 2 * (DEPTH / 2) + (int)threadIdx.x % 4 * Factor<T>::PER_WORD;
            int left = token < h.tokens ? h.size - channel : 0;
            words[i / 4][i % 4] = load_word(from + h.row(token, width) + channel, left, h.size % 2 == 0);
        }
    }
    // tile <- own rows times 8 of the others, from number `other` of the chunk on, over channels.
    __device__ void times(float (&tile)[4], const Others<T, MOST> &others, int other) const {
        int lane = (int)threadIdx.x % 32;
#pragma unroll
        for (int v = 0; v < 4; v++) tile[v] = 0.0f;
#pragma unroll
        for (int step = 0; step < STEPS; step += 2) {
            u32 b[4];
            load_matrices(b, &others.values[other + lane % 8][step * DEPTH + lane / 8 * (DEPTH / 2)]);
            u32 low[2] = {b[0], b[1]}, high[2] = {b[2], b[3]};
            multiply_add(T(), tile, words[step], low);
            multiply_add(T(), tile, words[step + 1], high);
        }
    }
    // Sums over channels of own rows' products with another array's, for rows `group` and `group + 8`.
    __device__ void dots(float (&sums)[2], const Own &with) const {
        sums[0] = sums[1] = 0.0f;
#pragma unroll
        for (int i = 0; i < STEPS * 4; i++) sums[i % 2] += word_product(T(), words[i / 4][i % 4], with.words[i / 4][i % 4]);
        // Over the four lanes that hold a row.
        for (int distance = 1; distance < 4; distance *= 2) {
            sums[0] += __shfl_xor_sync(0xFFFFFFFFu, sums[0], distance);
            sums[1] += __shfl_xor_sync(0xFFFFFFFFu, sums[1], distance);
        }
    }
};

// sums <- sums + weights of 16 others times their channels, from row `other` on. The depth runs over the others: in the
// order of the fragments, whose columns `pair` and `pair + 1` are one word.
template <int MOST>
__device__ inline void add_others(float (&sums)[MOST / 8][4], const float (&left)[4], const float (&right)[4], const Others<bf16, MOST> &others, int other) {
    int lane = (int)threadIdx.x % 32;
    u32 a[4] = {narrow_both(left[0], left[1]), narrow_both(left[2], left[3]), narrow_both(right[0], right[1]), narrow_both(right[2], right[3])};
#pragma unroll
    for (int tile = 0; tile < MOST / 8; tile += 2) {
        u32 b[4];
        load_matrices_across(b, &others.values[other + lane % 16][(tile + lane / 16) * 8]);
        u32 first[2] = {b[0], b[1]}, second[2] = {b[2], b[3]};
        multiply_add_16x8x16(sums[tile], a, first);
        multiply_add_16x8x16(sums[tile + 1], a, second);
    }
}
// As above; columns `pair` and `pair + 1` are numbers lane % 4 and lane % 4 + 4 of the depth, on both sides.
template <int MOST>
__device__ inline void add_others(float (&sums)[MOST / 8][4], const float (&left)[4], const float (&right)[4], const Others<float, MOST> &others, int other) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const float(&weights)[4] = half ? right : left;
        u32 a[4];
#pragma unroll
        for (int v = 0; v < 4; v++) a[v] = float_to_bits(factor(weights[v % 2 * 2 + v / 2]));
#pragma unroll
        for (int tile = 0; tile < MOST / 8; tile++) {
            const float *at = &others.values[other + half * 8 + pair()][tile * 8 + group()];
            u32 b[2] = {float_to_bits(at[0]), float_to_bits(at[MOST + Factor<float>::RUN])};
            multiply_add_16x8x8(sums[tile], a, b);
        }
    }
}

// Own rows' sums over others, of all channels.
template <typename T, int MOST> struct Sums {
    float tiles[MOST / 8][4];

    __device__ void begin() {
#pragma unroll
        for (int i = 0; i < MOST / 2; i++) tiles[i / 4][i % 4] = 0.0f;
    }
    // Adds weights of 8 ACROSS others times their channels, from number `other` of the chunk on, of which `count` are
    // there.
    template <int ACROSS>
    __device__ void add(const float (&weights)[ACROSS][4], const Others<T, MOST> &others, int other, int count) {
#pragma unroll
        for (int step = 0; step < ACROSS; step += 2) {
            if (other + step * 8 >= count) break;
            add_others<MOST>(tiles, weights[step], weights[step + 1], others, other + step * 8);
        }
    }
    // Row `group` is multiplied by scale[0], row `group + 8` by scale[1].
    __device__ void store(T *to, Head h, int width, int first, const float (&scale)[2]) const {
#pragma unroll
        for (int i = 0; i < MOST / 4; i++) {
            int token = first + group() + i % 2 * 8, channel = i / 2 * 8 + pair();
            if (token >= h.tokens || channel >= h.size) continue;
            const float *sums = &tiles[i / 2][i % 2 * 2];
            T *at = to + h.row(token, width) + channel;
            float scaled[2] = {sums[0] * scale[i % 2], sums[1] * scale[i % 2]};
            Run<T, 2> both;
            narrow_run(both, scaled);
            if (h.size % 2 == 0) {
                *(Run<T, 2> *)at = both;
            } else {
                at[0] = both.values[0];
                if (channel + 1 < h.size) at[1] = both.values[1];
            }
        }
    }
};

