// Multi-head softmax attention on the tensor cores, for arrays as heads.cu says: in bf16, or in f32 with factors of
// products rounded to tf32. Scores, sums and softmax are f32 in registers; probabilities are rounded as factors are.
// The same passes as attention.cu.
//
// Grid: x = tiles of rows (queries; in the backward pass queries and keys in turns). Block: up to 8 warps of 16 rows
// each. The others pass through shared memory CHUNK at a time, all of them where an image has no more. A lane's
// fragments are those of mma.sync.m16n8k16 and m16n8k8: rows `group` and `group + 8`, columns `pair` and `pair + 1` of
// each tile of 8; so scores become the next product's left side where they are. Heads have at most MOST channels, 32
// or 64; rows and channels that are not there are zeros.

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
__device__ inline u32 word(float low, float high) {
    return (u32)narrow<bf16>(low).bits | (u32)narrow<bf16>(high).bits << 16;
}

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
    u32 a[4] = {word(left[0], left[1]), word(left[2], left[3]), word(right[0], right[1]), word(right[2], right[3])};
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
            Run<T, 2> both = {{narrow<T>(sums[0] * scale[i % 2]), narrow<T>(sums[1] * scale[i % 2])}};
            if (h.size % 2 == 0) {
                *(Run<T, 2> *)at = both;
            } else {
                at[0] = both.values[0];
                if (channel + 1 < h.size) at[1] = both.values[1];
            }
        }
    }
};

__device__ inline float row_max(float value) {
    for (int distance = 1; distance < 4; distance *= 2) {
        float other = __shfl_xor_sync(0xFFFFFFFFu, value, distance);
        value = other > value ? other : value;
    }
    return value;
}
__device__ inline float row_sum(float value) {
    for (int distance = 1; distance < 4; distance *= 2) value += __shfl_xor_sync(0xFFFFFFFFu, value, distance);
    return value;
}

template <typename T, int MOST>
__device__ void forward(T *out, float *log_sum, const T *qkv, Head h, float scale) {
    const int ACROSS = 4;
    __shared__ Others<T, MOST> keys, values;
    int width = 3 * h.channels, own = first_row((int)blockIdx.x);
    float largest[2] = {-INFINITE, -INFINITE}, total[2] = {0.0f, 0.0f};
    Own<T, MOST> queries;
    Sums<T, MOST> sums;
    queries.load(qkv, h, width, own);
    sums.begin();
    for (int first = 0; first < h.tokens; first += Others<T, MOST>::CHUNK) {
        int count = filled(h, first, Others<T, MOST>::CHUNK);
        if (first > 0) __syncthreads();
        load_others(keys, values, qkv + h.channels, qkv + 2 * h.channels, h, first, width, width);
        __syncthreads();
        // All rows of the warp beyond the last.
        if (own >= h.tokens) continue;
        for (int other = 0; other < count; other += 8 * ACROSS) {
            float scores[ACROSS][4], now[2] = {largest[0], largest[1]};
#pragma unroll
            for (int across = 0; across < ACROSS; across++) {
                if (other + across * 8 < count) queries.times(scores[across], keys, other + across * 8);
#pragma unroll
                for (int v = 0; v < 4; v++) {
                    bool inside = first + other + across * 8 + pair() + v % 2 < h.tokens;
                    float score = inside ? scores[across][v] * scale : -INFINITE;
                    scores[across][v] = score;
                    now[v / 2] = score > now[v / 2] ? score : now[v / 2];
                }
            }
#pragma unroll
            for (int row = 0; row < 2; row++) {
                now[row] = row_max(now[row]);
                float fade = expf(largest[row] - now[row]), sum = 0.0f;
#pragma unroll
                for (int i = 0; i < ACROSS * 2; i++) {
                    float &score = scores[i / 2][row * 2 + i % 2];
                    score = expf(score - now[row]);
                    sum += score;
                }
                total[row] = total[row] * fade + row_sum(sum);
                largest[row] = now[row];
#pragma unroll
                for (int i = 0; i < MOST / 4; i++) sums.tiles[i / 2][row * 2 + i % 2] *= fade;
            }
            sums.add(scores, values, other, count);
        }
    }
    if (own >= h.tokens) return;
    float inverse[2] = {1.0f / total[0], 1.0f / total[1]};
    sums.store(out, h, h.channels, own, inverse);
    for (int row = 0; row < 2; row++) {
        int token = own + group() + row * 8;
        if (token < h.tokens && pair() == 0) log_sum[h.statistic(token)] = largest[row] + logf(total[row]);
    }
}

// Gradients of the queries of a tile.
template <typename T, int MOST>
__device__ void backward_queries(Others<T, MOST> &keys, Others<T, MOST> &values, T *dqkv, const T *qkv, const T *out,
                                 const T *dout, const float *log_sum, Head h, float scale, int tile) {
    const int ACROSS = 2;
    int width = 3 * h.channels, own = first_row(tile);
    float means[2], logs[2];
    Own<T, MOST> queries, douts, outs;
    Sums<T, MOST> sums;
    queries.load(qkv, h, width, own);
    douts.load(dout, h, h.channels, own);
    outs.load(out, h, h.channels, own);
    douts.dots(means, outs);
    sums.begin();
    for (int row = 0; row < 2; row++) {
        int token = own + group() + row * 8;
        logs[row] = token < h.tokens ? log_sum[h.statistic(token)] : 0.0f;
    }
    for (int first = 0; first < h.tokens; first += Others<T, MOST>::CHUNK) {
        int count = filled(h, first, Others<T, MOST>::CHUNK);
        if (first > 0) __syncthreads();
        load_others(keys, values, qkv + h.channels, qkv + 2 * h.channels, h, first, width, width);
        __syncthreads();
        if (own >= h.tokens) continue;
        for (int other = 0; other < count; other += 8 * ACROSS) {
            float weights[ACROSS][4];
#pragma unroll
            for (int across = 0; across < ACROSS; across++) {
                float scores[4], through[4];
                queries.times(scores, keys, other + across * 8);
                douts.times(through, values, other + across * 8);
#pragma unroll
                for (int v = 0; v < 4; v++) {
                    bool inside = first + other + across * 8 + pair() + v % 2 < h.tokens;
                    float weight = expf(scores[v] * scale - logs[v / 2]) * (through[v] - means[v / 2]) * scale;
                    weights[across][v] = inside ? weight : 0.0f;
                }
            }
            sums.add(weights, keys, other, count);
        }
    }
    float one[2] = {1.0f, 1.0f};
    if (own < h.tokens) sums.store(dqkv, h, width, own, one);
}

// Sum over channels of a token's products of two arrays like `out`.
template <typename T> __device__ float dot(const T *a, const T *b, Head h, int token) {
    const int RUN = Factor<T>::RUN;
    const T *at_a = a + h.row(token, h.channels), *at_b = b + h.row(token, h.channels);
    float sum = 0.0f;
    if (h.size % RUN == 0) {
        for (int channel = 0; channel < h.size; channel += RUN) {
            Vector<T> left = *(const Vector<T> *)(at_a + channel), right = *(const Vector<T> *)(at_b + channel);
#pragma unroll
            for (int v = 0; v < RUN; v++) sum += widen(left.values[v]) * widen(right.values[v]);
        }
    } else {
        for (int channel = 0; channel < h.size; channel++) sum += widen(at_a[channel]) * widen(at_b[channel]);
    }
    return sum;
}

// Gradients of the keys and values of a tile.
template <typename T, int MOST>
__device__ void backward_keys(Others<T, MOST> &queries, Others<T, MOST> &douts, T *dqkv, const T *qkv, const T *out,
                              const T *dout, const float *log_sum, Head h, float scale, int tile) {
    const int ACROSS = 2;
    __shared__ float logs[Others<T, MOST>::CHUNK], means[Others<T, MOST>::CHUNK];
    int width = 3 * h.channels, own = first_row(tile);
    Own<T, MOST> keys, values;
    Sums<T, MOST> dkeys, dvalues;
    keys.load(qkv + h.channels, h, width, own);
    values.load(qkv + 2 * h.channels, h, width, own);
    dkeys.begin();
    dvalues.begin();
    for (int first = 0; first < h.tokens; first += Others<T, MOST>::CHUNK) {
        int count = filled(h, first, Others<T, MOST>::CHUNK);
        if (first > 0) __syncthreads();
        load_others(queries, douts, qkv, dout, h, first, width, h.channels);
        for (int other = (int)threadIdx.x; other < count; other += (int)blockDim.x) {
            int token = first + other;
            // A query that is not there gives every key the weight exp(-infinity).
            logs[other] = token < h.tokens ? log_sum[h.statistic(token)] : INFINITE;
            means[other] = token < h.tokens ? dot(out, dout, h, token) : 0.0f;
        }
        __syncthreads();
        if (own >= h.tokens) continue;
        for (int other = 0; other < count; other += 8 * ACROSS) {
            float weights[ACROSS][4], slopes[ACROSS][4];
#pragma unroll
            for (int across = 0; across < ACROSS; across++) {
                float scores[4], through[4];
                keys.times(scores, queries, other + across * 8);
                values.times(through, douts, other + across * 8);
#pragma unroll
                for (int v = 0; v < 4; v++) {
                    int query = other + across * 8 + pair() + v % 2;
                    weights[across][v] = expf(scores[v] * scale - logs[query]);
                    slopes[across][v] = weights[across][v] * (through[v] - means[query]) * scale;
                }
            }
            dvalues.add(weights, douts, other, count);
            dkeys.add(slopes, queries, other, count);
        }
    }
    float one[2] = {1.0f, 1.0f};
    if (own >= h.tokens) return;
    dkeys.store(dqkv + h.channels, h, width, own, one);
    dvalues.store(dqkv + 2 * h.channels, h, width, own, one);
}

// Queries and keys in turns, so that blocks of both fill the device together.
template <typename T, int MOST>
__device__ void backward(T *dqkv, const T *qkv, const T *out, const T *dout, const float *log_sum, Head h, float scale) {
    __shared__ Others<T, MOST> a, b;
    int tile = (int)blockIdx.x / 2;
    if (blockIdx.x % 2 == 0) {
        backward_queries(a, b, dqkv, qkv, out, dout, log_sum, h, scale, tile);
    } else {
        backward_keys(a, b, dqkv, qkv, out, dout, log_sum, h, scale, tile);
    }
}

extern "C" __global__ void __launch_bounds__(256) attention_forward_32_bf16(bf16 *out, float *log_sum, const bf16 *qkv, int tokens, int channels, int size, int heads, float scale) {
    forward<bf16, 32>(out, log_sum, qkv, Head{tokens, channels, size, heads}, scale);
}
extern "C" __global__ void __launch_bounds__(256) attention_backward_32_bf16(bf16 *dqkv, const bf16 *qkv, const bf16 *out, const bf16 *dout, const float *log_sum, int tokens, int channels, int size, int heads, float scale) {
    backward<bf16, 32>(dqkv, qkv, out, dout, log_sum, Head{tokens, channels, size, heads}, scale);
}
extern "C" __global__ void __launch_bounds__(256) attention_forward_64_bf16(bf16 *out, float *log_sum, const bf16 *qkv, int tokens, int channels, int size, int heads, float scale) {
    forward<bf16, 64>(out, log_sum, qkv, Head{tokens, channels, size, heads}, scale);
}
extern "C" __global__ void __launch_bounds__(256) attention_backward_64_bf16(bf16 *dqkv, const bf16 *qkv, const bf16 *out, const bf16 *dout, const float *log_sum, int tokens, int channels, int size, int heads, float scale) {
    backward<bf16, 64>(dqkv, qkv, out, dout, log_sum, Head{tokens, channels, size, heads}, scale);
}
extern "C" __global__ void __launch_bounds__(256) attention_forward_32_tf32(float *out, float *log_sum, const float *qkv, int tokens, int channels, int size, int heads, float scale) {
    forward<float, 32>(out, log_sum, qkv, Head{tokens, channels, size, heads}, scale);
}
extern "C" __global__ void __launch_bounds__(256) attention_backward_32_tf32(float *dqkv, const float *qkv, const float *out, const float *dout, const float *log_sum, int tokens, int channels, int size, int heads, float scale) {
    backward<float, 32>(dqkv, qkv, out, dout, log_sum, Head{tokens, channels, size, heads}, scale);
}
extern "C" __global__ void __launch_bounds__(256) attention_forward_64_tf32(float *out, float *log_sum, const float *qkv, int tokens, int channels, int size, int heads, float scale) {
    forward<float, 64>(out, log_sum, qkv, Head{tokens, channels, size, heads}, scale);
}
extern "C" __global__ void __launch_bounds__(256) attention_backward_64_tf32(float *dqkv, const float *qkv, const float *out, const float *dout, const float *log_sum, int tokens, int channels, int size, int heads, float scale) {
    backward<float, 64>(dqkv, qkv, out, dout, log_sum, Head{tokens, channels, size, heads}, scale);
}
