// Where attention finds a head of an image. qkv, dqkv: [n, t, 3 d], queries, keys and values of d channels each,
// head h in columns h s .. (h + 1) s of its third; out, dout: [n, t, d]; log_sum, delta: [n, heads, t], f32: ln of
// the sum of exp of a query's scaled scores, and its dot of dout and out. Grid: y = heads, z = images.

struct Head {
    int tokens, channels, size, heads;

    __device__ int head() const { return (int)blockIdx.y; }
    __device__ int image() const { return (int)blockIdx.z; }
    // Row of a token in an array [n, t, width], at this head.
    __device__ long long row(int token, int width) const {
        return ((long long)image() * tokens + token) * width + head() * size;
    }
    __device__ int statistic(int token) const { return (image() * heads + head()) * tokens + token; }
};

