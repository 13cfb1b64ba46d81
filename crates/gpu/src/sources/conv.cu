// Convolutions of NHWC images with weights [cout, kh, kw, cin], as products of matrices that are never laid out:
// C[m][n] = sum over k of A[m][k] B[n][k].
//
//   pass             m               n              k               A            B
//   forward          output pixel    cout           tap, cin        x            w
//   input gradient   input pixel     cin            tap, cout       dy           w
//   weight gradient  cout            tap, cin       output pixel    dy           x
//
// Grid: x = tiles of 64 columns n, y = tiles of 128 rows m, z = stretches of k (the weight gradient alone has more
// than one; it writes [z][m][n] partial sums as f32, which conv_sum adds in order). Block: 256 threads.
// A tile of A and one of B are in shared memory while the next ones are on their way in registers. f32 products
// are 8 x 4 per thread; tf32 and bf16 products are made by the tensor cores, 32 x 32 per warp, with sums in f32.
// Values are read in runs of V: 16 bytes where all channels are multiples of V, else one by one (the stem, heads).

const int THREADS = 256, ROWS = 128, COLUMNS = 64;

// Values of k per tile.
template <typename T> struct Depth;
template <> struct Depth<float> { static const int value = 16; };
template <> struct Depth<bf16> { static const int value = 32; };

// One operand's share of a thread: which runs it carries from memory to shared memory.
template <typename T, int V, int EXTENT, typename Operand> struct Carrier {
    static const int DEPTH = Depth<T>::value, RUNS = EXTENT * DEPTH / V / THREADS, WIDTH = V;
    static const bool ALONG_K = Operand::along_k;
    Operand operand;
    typename Operand::Place places[RUNS];
    Run<T, V> runs[RUNS];

    // Row (first row) and k (first k) of a run inside the tile.
    __device__ static int row(int run) {
        int q = (int)threadIdx.x + run * THREADS;
        return ALONG_K ? q / (DEPTH / V) : q % (EXTENT / V) * V;
    }
    __device__ static int depth(int run) {
        int q = (int)threadIdx.x + run * THREADS;
        return ALONG_K ? q % (DEPTH / V) * V : q / (EXTENT / V);
    }
    __device__ void begin(int first, int k) {
#pragma unroll
        for (int i = 0; i < RUNS; i++) {
            places[i] = operand.place(first + row(i));
            operand.seek(places[i], k + depth(i));
        }
    }
    // Loads the tile at k; calls follow each other tile by tile.
    __device__ void load(int k, int end) {
#pragma unroll
        for (int i = 0; i < RUNS; i++) {
            // Single values have many walks, which would fill the registers.
            if (V == 1) operand.seek(places[i], k + depth(i));
            const T *from = k + depth(i) < end ? operand.at(places[i]) : nullptr;
            if (V > 1) operand.forth(places[i], DEPTH);
            if (from) {
                runs[i] = *(const Run<T, V> *)from;
            } else {
#pragma unroll
                for (int v = 0; v < V; v++) runs[i].values[v] = narrow<T>(0.0f);
            }
        }
    }
};

// f32: tiles [k][row], so that a thread reads its 8 rows and 4 columns as vectors.
struct Product32 {
    typedef float Value;
    struct Tiles {
        alignas(16) float a[16][ROWS + 4], b[16][COLUMNS + 4];
    };
    float sums[8][4];

    __device__ static int row() { return (int)threadIdx.x / 16 * 8; }
    __device__ static int column() { return (int)threadIdx.x % 16 * 4; }

    __device__ void begin() {
#pragma unroll
        for (int i = 0; i < 32; i++) sums[i / 4][i % 4] = 0.0f;
    }
    template <int EXTENT, typename Carried> __device__ static void store(float (*tile)[EXTENT], const Carried &from) {
#pragma unroll
        for (int i = 0; i < Carried::RUNS; i++) {
#pragma unroll
            for (int v = 0; v < Carried::WIDTH; v++) {
                int k = Carried::depth(i) + (Carried::ALONG_K ? v : 0);
                tile[k][Carried::row(i) + (Carried::ALONG_K ? 0 : v)] = from.runs[i].values[v];
            }
        }
    }
    __device__ void multiply(const Tiles &tiles) {
#pragma unroll
        for (int k = 0; k < 16; k++) {
            Run<float, 4> low = *(const Run<float, 4> *)&tiles.a[k][row()];
            Run<float, 4> high = *(const Run<float, 4> *)&tiles.a[k][row() + 4];
            Run<float, 4> b = *(const Run<float, 4> *)&tiles.b[k][column()];
#pragma unroll
            for (int i = 0; i < 4; i++) {
#pragma unroll
                for (int j = 0; j < 4; j++) {
                    sums[i][j] += low.values[i] * b.values[j];
                    sums[i + 4][j] += high.values[i] * b.values[j];
                }
            }
        }
    }
    template <typename Write> __device__ void finish(Write write) const {
#pragma unroll
        for (int i = 0; i < 8; i++) {
#pragma unroll
            for (int j = 0; j < 4; j++) write(row() + i, column() + j, sums[i][j]);
        }
    }
};

// The tensor cores: tiles [row][k] of words as they want them, of two values of k in bf16 and one in tf32. Rows are 20
// words apart, so that the 8 rows and 4 words of a fragment lie in 32 banks. Warps are 4 down and 2 across.
template <typename T> struct ProductTensor {
    typedef T Value;
    static const int PER_WORD = 4 / sizeof(T), WORDS = 16, PITCH = 20 * PER_WORD;
    struct Tiles {
        alignas(16) T a[ROWS][PITCH], b[COLUMNS][PITCH];
    };
    float sums[2][4][4];

    __device__ static int row() { return (int)threadIdx.x / 32 / 2 * 32; }
    __device__ static int column() { return (int)threadIdx.x / 32 % 2 * 32; }
    __device__ static bf16 factor(bf16 value) { return value; }
    __device__ static float factor(float value) { return rounded_to_tf32(value); }

    __device__ void begin() {
#pragma unroll
        for (int i = 0; i < 32; i++) sums[i / 16][i / 4 % 4][i % 4] = 0.0f;
    }
    template <int EXTENT, typename Carried> __device__ static void store(T (*tile)[EXTENT], const Carried &from) {
#pragma unroll
        for (int i = 0; i < Carried::RUNS; i++) {
            Run<T, Carried::WIDTH> run;
#pragma unroll
            for (int v = 0; v < Carried::WIDTH; v++) run.values[v] = factor(from.runs[i].values[v]);
            if (Carried::ALONG_K) {
                *(Run<T, Carried::WIDTH> *)&tile[Carried::row(i)][Carried::depth(i)] = run;
            } else {
#pragma unroll
                for (int v = 0; v < Carried::WIDTH; v++) tile[Carried::row(i) + v][Carried::depth(i)] = run.values[v];
            }
        }
    }
    __device__ static u32 word(const T *at) { return *(const u32 *)at; }
    __device__ static void multiply_add(bf16, float (&c)[4], const u32 (&a)[4], const u32 (&b)[2]) { multiply_add_16x8x16(c, a, b); }
    __device__ static void multiply_add(float, float (&c)[4], const u32 (&a)[4], const u32 (&b)[2]) { multiply_add_16x8x8(c, a, b); }

    __device__ void multiply(const Tiles &tiles) {
        int group = (int)threadIdx.x % 32 / 4, at = (int)threadIdx.x % 4 * PER_WORD;
        const int HALF = 4 * PER_WORD;
#pragma unroll
        for (int k = 0; k < WORDS * PER_WORD; k += 2 * HALF) {
            u32 a[2][4], b[4][2];
#pragma unroll
            for (int i = 0; i < 2; i++) {
                const T *from = &tiles.a[row() + 16 * i + group][k + at];
                a[i][0] = word(from);
                a[i][1] = word(from + 8 * PITCH);
                a[i][2] = word(from + HALF);
                a[i][3] = word(from + 8 * PITCH + HALF);
            }
#pragma unroll
            for (int j = 0; j < 4; j++) {
                const T *from = &tiles.b[column() + 8 * j + group][k + at];
                b[j][0] = word(from);
                b[j][1] = word(from + HALF);
            }
#pragma unroll
            for (int i = 0; i < 2; i++) {
#pragma unroll
                for (int j = 0; j < 4; j++) multiply_add(T(), sums[i][j], a[i], b[j]);
            }
        }
    }
    template <typename Write> __device__ void finish(Write write) const {
        int group = (int)threadIdx.x % 32 / 4, pair = (int)threadIdx.x % 4 * 2;
#pragma unroll
        for (int i = 0; i < 2; i++) {
#pragma unroll
            for (int j = 0; j < 4; j++) {
#pragma unroll
                for (int v = 0; v < 4; v++)
                    write(row() + 16 * i + group + v / 2 * 8, column() + 8 * j + pair + v % 2, sums[i][j][v]);
            }
        }
    }
};
typedef ProductTensor<bf16> Product16;

// One tile of C over k in [begin, end).
template <typename Product, int V, typename A, typename B, typename Write>
__device__ void tile(A a, B b, int begin, int end, Write write) {
    typedef typename Product::Value T;
    __shared__ typename Product::Tiles tiles;
    Carrier<T, V, ROWS, A> rows = {a};
    Carrier<T, V, COLUMNS, B> columns = {b};
    Product product;
    product.begin();
    rows.begin((int)blockIdx.y * ROWS, begin);
    columns.begin((int)blockIdx.x * COLUMNS, begin);
    rows.load(begin, end);
    columns.load(begin, end);
    for (int k = begin; k < end; k += Depth<T>::value) {
        Product::store(tiles.a, rows);
        Product::store(tiles.b, columns);
        __syncthreads();
        rows.load(k + Depth<T>::value, end);
        columns.load(k + Depth<T>::value, end);
        product.multiply(tiles);
        __syncthreads();
    }
    product.finish([&](int row, int column, float sum) {
        write((int)blockIdx.y * ROWS + row, (int)blockIdx.x * COLUMNS + column, sum);
    });
}

template <typename Product, int V>
__device__ void forward(typename Product::Value *y, const typename Product::Value *x, const typename Product::Value *w, Sizes s) {
    typedef typename Product::Value T;
    int rows = s.images * s.out_height * s.out_width;
    UnderOutput<T> a = {x, s};
    OfOutput<T> b = {w, s};
    tile<Product, V>(a, b, 0, s.kernel * s.kernel * s.cin, [=](int m, int n, float sum) {
        if (m < rows && n < s.cout) y[m * s.cout + n] = narrow<T>(sum);
    });
}

template <typename Product, int V>
__device__ void input_gradient(typename Product::Value *dx, const typename Product::Value *dy, const typename Product::Value *w, int add, Sizes s) {
    typedef typename Product::Value T;
    int rows = s.images * s.height * s.width;
    OverInput<T> a = {dy, s};
    OfInput<T> b = {w, s};
    tile<Product, V>(a, b, 0, s.kernel * s.kernel * s.cout, [=](int m, int n, float sum) {
        if (m >= rows || n >= s.cin) return;
        T *to = dx + m * s.cin + n;
        *to = narrow<T>(add ? widen(*to) + sum : sum);
    });
}

// `stretch` values of k, a multiple of 32, for each block along z.
template <typename Product, int V>
__device__ void weight_gradient(float *partial, const typename Product::Value *x, const typename Product::Value *dy, int stretch, Sizes s) {
    typedef typename Product::Value T;
    int pixels = s.images * s.out_height * s.out_width, columns = s.kernel * s.kernel * s.cin;
    int begin = (int)blockIdx.z * stretch, end = begin + stretch < pixels ? begin + stretch : pixels;
    OfPixel<T> a = {dy, s};
    UnderTap<T> b = {x, s};
    float *to = partial + (long long)blockIdx.z * s.cout * columns;
    tile<Product, V>(a, b, begin, end, [=](int m, int n, float sum) {
        if (m < s.cout && n < columns) to[m * columns + n] = sum;
    });
}

#define SIZES                                                                                                   \
    int images, int height, int width, int cin, int out_height, int out_width, int cout, int kernel, int stride, \
        int pad_y, int pad_x
#define GIVEN {images, height, width, cin, out_height, out_width, cout, kernel, stride, pad_y, pad_x}

extern "C" __global__ void __launch_bounds__(256) conv_forward_f32(float *y, const float *x, const float *w, SIZES) {
    forward<Product32, 4>(y, x, w, GIVEN);
}
extern "C" __global__ void __launch_bounds__(256) conv_input_gradient_f32(float *dx, const float *dy, const float *w, int add, SIZES) {
    input_gradient<Product32, 4>(dx, dy, w, add, GIVEN);
}
extern "C" __global__ void __launch_bounds__(256) conv_weight_gradient_f32(float *partial, const float *x, const float *dy, int stretch, SIZES) {
    weight_gradient<Product32, 4>(partial, x, dy, stretch, GIVEN);
}
extern "C" __global__ void __launch_bounds__(256) conv_forward_f32_single(float *y, const float *x, const float *w, SIZES) {
    forward<Product32, 1>(y, x, w, GIVEN);
}
extern "C" __global__ void __launch_bounds__(256) conv_input_gradient_f32_single(float *dx, const float *dy, const float *w, int add, SIZES) {
    input_gradient<Product32, 1>(dx, dy, w, add, GIVEN);
}
extern "C" __global__ void __launch_bounds__(256) conv_weight_gradient_f32_single(float *partial, const float *x, const float *dy, int stretch, SIZES) {
    weight_gradient<Product32, 1>(partial, x, dy, stretch, GIVEN);
}
extern "C" __global__ void __launch_bounds__(256) conv_forward_tf32(float *y, const float *x, const float *w, SIZES) {
    forward<ProductTensor<float>, 4>(y, x, w, GIVEN);
}
extern "C" __global__ void __launch_bounds__(256) conv_input_gradient_tf32(float *dx, const float *dy, const float *w, int add, SIZES) {
    input_gradient<ProductTensor<float>, 4>(dx, dy, w, add, GIVEN);
}
extern "C" __global__ void __launch_bounds__(256) conv_weight_gradient_tf32(float *partial, const float *x, const float *dy, int stretch, SIZES) {
    weight_gradient<ProductTensor<float>, 4>(partial, x, dy, stretch, GIVEN);
}
extern "C" __global__ void __launch_bounds__(256) conv_forward_bf16(bf16 *y, const bf16 *x, const bf16 *w, SIZES) {
    forward<Product16, 8>(y, x, w, GIVEN);
}
extern "C" __global__ void __launch_bounds__(256) conv_input_gradient_bf16(bf16 *dx, const bf16 *dy, const bf16 *w, int add, SIZES) {
    input_gradient<Product16, 8>(dx, dy, w, add, GIVEN);
}
extern "C" __global__ void __launch_bounds__(256) conv_weight_gradient_bf16(float *partial, const bf16 *x, const bf16 *dy, int stretch, SIZES) {
    weight_gradient<Product16, 8>(partial, x, dy, stretch, GIVEN);
}
extern "C" __global__ void __launch_bounds__(256) conv_forward_bf16_single(bf16 *y, const bf16 *x, const bf16 *w, SIZES) {
    forward<Product16, 1>(y, x, w, GIVEN);
}
extern "C" __global__ void __launch_bounds__(256) conv_input_gradient_bf16_single(bf16 *dx, const bf16 *dy, const bf16 *w, int add, SIZES) {
    input_gradient<Product16, 1>(dx, dy, w, add, GIVEN);
}
extern "C" __global__ void __launch_bounds__(256) conv_weight_gradient_bf16_single(float *partial, const bf16 *x, const bf16 *dy, int stretch, SIZES) {
    weight_gradient<Product16, 1>(partial, x, dy, stretch, GIVEN);
}

// dw[i] <- sum over z of partial[z][i], onto dw[i] where `add`. Any grid and block.
extern "C" __global__ void conv_sum(float *dw, const float *partial, int stretches, int values, int add) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < values; i += gridDim.x * blockDim.x) {
        float sum = add ? dw[i] : 0.0f;
        for (int z = 0; z < stretches; z++) sum += partial[(long long)z * values + i];
        dw[i] = sum;
    }
}
