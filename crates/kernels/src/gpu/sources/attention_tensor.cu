// Multi-head softmax attention in bf16 on the tensor cores, for arrays as heads.cu says; scores, sums and softmax
// are f32 in registers, probabilities are rounded to bf16 for their products. The same passes as attention.cu.
//
// Grid: x = tiles of 64 rows (queries; keys in backward_keys). Block: 128 threads, 4 warps of 16 rows each. The
// others pass through shared memory 32 at a time, by rows where a product runs over channels, and by columns where
// it runs over them. A lane's fragments are those of mma.sync.m16n8k16: rows `group` and `group + 8`, columns `pair`
// and `pair + 1` of each tile of 8; so scores become the next product's left side where they are. Heads have at
// most 64 channels; rows and channels that are not there are zeros.

const int OTHERS = 32, MOST = 64, STEPS = MOST / 16, TILES = MOST / 8, ACROSS = OTHERS / 8;

typedef bf16 Rows[OTHERS][MOST + 8];
typedef bf16 Columns[MOST][OTHERS + 8];

typedef Run<bf16, 8> Eight;

__device__ inline int group() { return (int)threadIdx.x % 32 / 4; }
__device__ inline int pair() { return (int)threadIdx.x % 4 * 2; }
__device__ inline int first_row() { return (int)blockIdx.x * 64 + (int)threadIdx.x / 32 * 16; }
__device__ inline u32 word(const bf16 *at) { return *(const u32 *)at; }
__device__ inline u32 word(float low, float high) {
    return (u32)narrow<bf16>(low).bits | (u32)narrow<bf16>(high).bits << 16;
}

// 32 tokens of an array, from `first` on, into shared memory, by rows and by columns as wanted.
__device__ void load_others(Rows *rows, Columns *columns, const bf16 *from, Head h, int first, int width) {
    int runs = (h.size + 15) / 16 * 2;
    for (int i = (int)threadIdx.x; i < OTHERS * runs; i += (int)blockDim.x) {
        int other = i / runs, channel = i % runs * 8;
        Eight run = {};
        if (first + other < h.tokens) {
            const bf16 *at = from + h.row(first + other, width) + channel;
            if (h.size % 8 == 0) {
                if (channel < h.size) run = *(const Eight *)at;
            } else {
                for (int v = 0; v < 8; v++)
                    if (channel + v < h.size) run.values[v] = at[v];
            }
        }
        if (rows) *(Eight *)&(*rows)[other][channel] = run;
        if (columns)
            for (int v = 0; v < 8; v++) (*columns)[channel + v][other] = run.values[v];
    }
}

// A warp's own 16 rows of an array as left sides of products over channels.
struct Own {
    u32 words[STEPS][4];

    __device__ static u32 at(const bf16 *from, Head h, int width, int token, int channel) {
        if (token >= h.tokens) return 0;
        const bf16 *value = from + h.row(token, width) + channel;
        u32 low = channel < h.size ? value[0].bits : 0, high = channel + 1 < h.size ? value[1].bits : 0;
        return low | high << 16;
    }
    __device__ void load(const bf16 *from, Head h, int width) {
#pragma unroll
        for (int i = 0; i < STEPS * 4; i++)
            words[i / 4][i % 4] = at(from, h, width, first_row() + group() + i % 2 * 8, i / 4 * 16 + pair() + i % 4 / 2 * 8);
    }
    // tile <- own rows times rows 8 across .. of the others, over channels.
    __device__ void times(float (&tile)[4], const Rows &rows, int across, int size) const {
#pragma unroll
        for (int v = 0; v < 4; v++) tile[v] = 0.0f;
#pragma unroll
        for (int step = 0; step < STEPS; step++) {
            if (step * 16 >= size) break;
            const bf16 *at = &rows[across * 8 + group()][step * 16 + pair()];
            u32 b[2] = {word(at), word(at + 8)};
            multiply_add_16x8x16(tile, words[step], b);
        }
    }
};

// Own rows' sums over others, of all channels.
struct Sums {
    float tiles[TILES][4];

    __device__ void begin() {
#pragma unroll
        for (int i = 0; i < TILES * 4; i++) tiles[i / 4][i % 4] = 0.0f;
    }
    // Adds weights times the others' columns, over the 32 others.
    __device__ void add(const float (&weights)[ACROSS][4], const Columns &columns, int size) {
#pragma unroll
        for (int step = 0; step < ACROSS / 2; step++) {
            const float *low = weights[2 * step], *high = weights[2 * step + 1];
            u32 a[4] = {word(low[0], low[1]), word(low[2], low[3]), word(high[0], high[1]), word(high[2], high[3])};
#pragma unroll
            for (int tile = 0; tile < TILES; tile++) {
                if (tile * 8 >= size) break;
                const bf16 *at = &columns[tile * 8 + group()][step * 16 + pair()];
                u32 b[2] = {word(at), word(at + 8)};
                multiply_add_16x8x16(tiles[tile], a, b);
            }
        }
    }
    // Row `group` is multiplied by scale[0], row `group + 8` by scale[1].
    __device__ void store(bf16 *to, Head h, int width, const float (&scale)[2]) const {
#pragma unroll
        for (int i = 0; i < TILES * 4; i++) {
            int token = first_row() + group() + i % 4 / 2 * 8, channel = i / 4 * 8 + pair() + i % 2;
            if (token < h.tokens && channel < h.size)
                to[h.row(token, width) + channel] = narrow<bf16>(tiles[i / 4][i % 4] * scale[i % 4 / 2]);
        }
    }
};

// Over the four lanes that hold a row.
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

extern "C" __global__ void __launch_bounds__(128) attention_forward_bf16(bf16 *out, float *log_sum, const bf16 *qkv, int tokens, int channels, int size, int heads, float scale) {
    alignas(16) __shared__ Rows keys;
    alignas(16) __shared__ Columns values;
    Head h = {tokens, channels, size, heads};
    int width = 3 * channels;
    float largest[2] = {-INFINITE, -INFINITE}, total[2] = {0.0f, 0.0f};
    Own queries;
    Sums sums;
    queries.load(qkv, h, width);
    sums.begin();
    for (int first = 0; first < tokens; first += OTHERS) {
        __syncthreads();
        load_others(&keys, nullptr, qkv + channels, h, first, width);
        load_others(nullptr, &values, qkv + 2 * channels, h, first, width);
        __syncthreads();
        // All rows of the warp beyond the last.
        if (first_row() >= tokens) continue;
        float scores[ACROSS][4], now[2] = {largest[0], largest[1]};
#pragma unroll
        for (int across = 0; across < ACROSS; across++) {
            queries.times(scores[across], keys, across, size);
#pragma unroll
            for (int v = 0; v < 4; v++) {
                bool inside = first + across * 8 + pair() + v % 2 < tokens;
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
            for (int i = 0; i < TILES * 2; i++) sums.tiles[i / 2][row * 2 + i % 2] *= fade;
        }
        sums.add(scores, values, size);
    }
    float inverse[2] = {1.0f / total[0], 1.0f / total[1]};
    if (first_row() < tokens) sums.store(out, h, channels, inverse);
    for (int row = 0; row < 2; row++) {
        int token = first_row() + group() + row * 8;
        if (token < tokens && pair() == 0) log_sum[h.statistic(token)] = largest[row] + logf(total[row]);
    }
}

// Gradients of the queries, and delta.
extern "C" __global__ void __launch_bounds__(128) attention_backward_queries_bf16(bf16 *dqkv, float *delta, const bf16 *qkv, const bf16 *out, const bf16 *dout, const float *log_sum, int tokens, int channels, int size, int heads, float scale) {
    alignas(16) __shared__ Rows keys, values;
    alignas(16) __shared__ Columns keys_across;
    Head h = {tokens, channels, size, heads};
    int width = 3 * channels;
    float means[2], logs[2];
    Own queries, douts;
    Sums sums;
    queries.load(qkv, h, width);
    douts.load(dout, h, channels);
    sums.begin();
    for (int row = 0; row < 2; row++) {
        int token = first_row() + group() + row * 8;
        bool inside = token < tokens;
        float sum = 0.0f;
        for (int channel = pair() / 2; inside && channel < size; channel += 4)
            sum += widen(out[h.row(token, channels) + channel]) * widen(dout[h.row(token, channels) + channel]);
        means[row] = row_sum(sum);
        logs[row] = inside ? log_sum[h.statistic(token)] : 0.0f;
        if (inside && pair() == 0) delta[h.statistic(token)] = means[row];
    }
    for (int first = 0; first < tokens; first += OTHERS) {
        __syncthreads();
        load_others(&keys, &keys_across, qkv + channels, h, first, width);
        load_others(&values, nullptr, qkv + 2 * channels, h, first, width);
        __syncthreads();
        if (first_row() >= tokens) continue;
        float weights[ACROSS][4];
#pragma unroll
        for (int across = 0; across < ACROSS; across++) {
            float scores[4], through[4];
            queries.times(scores, keys, across, size);
            douts.times(through, values, across, size);
#pragma unroll
            for (int v = 0; v < 4; v++) {
                bool inside = first + across * 8 + pair() + v % 2 < tokens;
                float weight = expf(scores[v] * scale - logs[v / 2]) * (through[v] - means[v / 2]) * scale;
                weights[across][v] = inside ? weight : 0.0f;
            }
        }
        sums.add(weights, keys_across, size);
    }
    float one[2] = {1.0f, 1.0f};
    if (first_row() < tokens) sums.store(dqkv, h, width, one);
}

// Gradients of the keys and values; delta is there.
extern "C" __global__ void __launch_bounds__(128) attention_backward_keys_bf16(bf16 *dqkv, const bf16 *qkv, const bf16 *dout, const float *log_sum, const float *delta, int tokens, int channels, int size, int heads, float scale) {
    alignas(16) __shared__ Rows queries, douts;
    alignas(16) __shared__ Columns queries_across, douts_across;
    __shared__ float logs[OTHERS], means[OTHERS];
    Head h = {tokens, channels, size, heads};
    int width = 3 * channels;
    Own keys, values;
    Sums dkeys, dvalues;
    keys.load(qkv + channels, h, width);
    values.load(qkv + 2 * channels, h, width);
    dkeys.begin();
    dvalues.begin();
    for (int first = 0; first < tokens; first += OTHERS) {
        __syncthreads();
        load_others(&queries, &queries_across, qkv, h, first, width);
        load_others(&douts, &douts_across, dout, h, first, channels);
        if (threadIdx.x < OTHERS) {
            int token = first + (int)threadIdx.x;
            // A query that is not there gives every key the weight exp(-infinity).
            logs[threadIdx.x] = token < tokens ? log_sum[h.statistic(token)] : INFINITE;
            means[threadIdx.x] = token < tokens ? delta[h.statistic(token)] : 0.0f;
        }
        __syncthreads();
        if (first_row() >= tokens) continue;
        float weights[ACROSS][4], slopes[ACROSS][4];
#pragma unroll
        for (int across = 0; across < ACROSS; across++) {
            float scores[4], through[4];
            keys.times(scores, queries, across, size);
            values.times(through, douts, across, size);
#pragma unroll
            for (int v = 0; v < 4; v++) {
                int other = across * 8 + pair() + v % 2;
                weights[across][v] = expf(scores[v] * scale - logs[other]);
                slopes[across][v] = weights[across][v] * (through[v] - means[other]) * scale;
            }
        }
        dvalues.add(weights, douts_across, size);
        dkeys.add(slopes, queries_across, size);
    }
    float one[2] = {1.0f, 1.0f};
    if (first_row() >= tokens) return;
    dkeys.store(dqkv + channels, h, width, one);
    dvalues.store(dqkv + 2 * channels, h, width, one);
}
