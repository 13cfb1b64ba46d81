// NVRTC, cuBLAS, cuDNN and cuRAND, as far as a queue needs them: products by loops over everything, and random numbers of which
// candle's device has a generator, but which nothing draws.
#include "fake.h"

#include <stdlib.h>
#include <string.h>

#include <string>

// ---- arrays of f32 (0) and bf16 (1) ----

static float load(const void *array, int kind, size_t i) {
    if (!kind) return ((const float *)array)[i];
    unsigned bits = ((const unsigned short *)array)[i] << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}
static void store(void *array, int kind, size_t i, float value) {
    if (!kind) { ((float *)array)[i] = value; return; }
    unsigned bits;
    memcpy(&bits, &value, 4);
    ((unsigned short *)array)[i] = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
}
// to <- sum + beta to; what is not asked for is not read.
static void blend(void *to, int kind, size_t i, double sum, float beta) {
    store(to, kind, i, (float)(beta ? sum + beta * load(to, kind, i) : sum));
}

extern "C" {

// ---- libnvrtc: hands the source through ----

// Knows 8.0, 9.0 and 10.0.
struct Program {
    std::string source, output;
};
int nvrtcVersion(int *major, int *minor) { *major = 13, *minor = 0; return 0; }
int nvrtcGetNumSupportedArchs(int *count) { *count = 3; return 0; }
int nvrtcGetSupportedArchs(int *known) { known[0] = 80, known[1] = 90, known[2] = 100; return 0; }
int nvrtcCreateProgram(Program **program, const char *source, const char *, int, const char *const *, const char *const *) {
    *program = new Program{source, ""};
    return 0;
}
int nvrtcCompileProgram(Program *program, int count, const char *const *options) {
    fake_count("nvrtcCompileProgram");
    if (fake_failure("nvrtcCompileProgram")) return program->output = "error: no such thing as x", 6;
    for (int i = 0; i < count; i++) {
        std::string option = options[i], architecture = option.substr(option.find('=') + 1);
        if (architecture == "compute_80" || architecture == "compute_90" || architecture == "compute_100")
            return program->output = program->source, 0;
        // No zero byte behind it: machine code knows its own length.
        if (architecture == "sm_80" || architecture == "sm_90" || architecture == "sm_100")
            return program->output = "machine code " + std::to_string(program->source.size()) + "\n" + program->source, 0;
    }
    return program->output = "error: no architecture", 5;
}
int nvrtcGetCUBINSize(Program *program, size_t *size) { *size = program->output.size(); return 0; }
int nvrtcGetCUBIN(Program *program, char *to) { memcpy(to, program->output.data(), program->output.size()); return 0; }
int nvrtcGetPTXSize(Program *program, size_t *size) { *size = program->output.size() + 1; return 0; }
int nvrtcGetPTX(Program *program, char *to) { strcpy(to, program->output.c_str()); return 0; }
int nvrtcGetProgramLogSize(Program *program, size_t *size) { return nvrtcGetPTXSize(program, size); }
int nvrtcGetProgramLog(Program *program, char *to) { return nvrtcGetPTX(program, to); }
int nvrtcDestroyProgram(Program **program) { delete *program; return 0; }
const char *nvrtcGetErrorString(int) { return "NVRTC_ERROR"; }

// ---- libcublas ----

// Without scratch memory of its own a handle would share the library's with others: refused here.
struct Blas { void *stream, *workspace; };
int cublasCreate_v2(Blas **handle) { *handle = new Blas{}; return fake_wait_for_all() ? 1 : fake_failure("cublasCreate"); }
int cublasDestroy_v2(Blas *handle) {
    delete handle;
    if (fake_lost()) return 14;
    if (int failure = fake_failure("cublasDestroy")) return failure;
    return fake_wait_for_all() ? 14 : 0;
}
int cublasSetStream_v2(Blas *handle, void *stream) { handle->stream = stream, handle->workspace = nullptr; return 0; }
int cublasSetWorkspace_v2(Blas *handle, void *workspace, size_t bytes) {
    if ((u64)workspace % 256) return 7;
    handle->workspace = workspace;
    memset(workspace, 1, bytes);
    return 0;
}
int cublasSetMathMode(Blas *, int mode) { return mode == 16 ? 0 : 7; }
int cublasGemmEx(Blas *handle, int ta, int tb, int m, int n, int k, const float *alpha, const void *a, int atype, int lda,
                 const void *b, int btype, int ldb, const float *beta, void *c, int ctype, int ldc, int compute, int) {
    fake_count("cublasGemmEx");
    // All that the library itself says of a device that was lost: that the execution failed.
    if (fake_lost()) return 13;
    if (int failure = fake_failure("cublasGemmEx")) return failure;
    auto kind = [](int type) { return type == 14; };
    float factor = *alpha, keep = *beta;
    if (!handle->workspace || (compute != 68 && compute != 77) || atype != btype || lda < (ta ? k : m) ||
        ldb < (tb ? n : k) || ldc < m)
        return 7;
    return enqueue(handle->stream, [=] {
        for (int j = 0; j < n; j++)
            for (int i = 0; i < m; i++) {
                double sum = 0;
                for (int l = 0; l < k; l++)
                    sum += (double)load(a, kind(atype), ta ? l + (size_t)i * lda : i + (size_t)l * lda) *
                           load(b, kind(btype), tb ? j + (size_t)l * ldb : l + (size_t)j * ldb);
                blend(c, kind(ctype), i + (size_t)j * ldc, factor * sum, keep);
            }
        return 0;
    });
}

// ---- libcurand ----

struct Generator { void *stream; };
int curandCreateGenerator(Generator **generator, int) {
    *generator = new Generator{};
    return fake_failure("curandCreateGenerator");
}
int curandSetStream(Generator *generator, void *stream) { generator->stream = stream; return 0; }
int curandSetPseudoRandomGeneratorSeed(Generator *, u64) { return 0; }
int curandDestroyGenerator(Generator *generator) { delete generator; return fake_wait_for_all() ? 201 : 0; }

// ---- libcudnn ----

static const int NOT_SUPPORTED = 3000;
struct Dnn { void *stream; };
struct Tensor { int kind, n, c, h, w; };
struct Geometry { int pad[2], stride[2], math; };
size_t cudnnGetVersion() { return 92100; }
int cudnnCreate(Dnn **handle) { *handle = new Dnn{}; return fake_wait_for_all() ? 1001 : fake_failure("cudnnCreate"); }
int cudnnDestroy(Dnn *handle) {
    delete handle;
    if (fake_lost()) return 4000;
    if (int failure = fake_failure("cudnnDestroy")) return failure;
    return fake_wait_for_all() ? 4000 : 0;
}
int cudnnSetStream(Dnn *handle, void *stream) { handle->stream = stream; return 0; }
int cudnnCreateTensorDescriptor(Tensor **made) { fake_count("made"); *made = new Tensor{}; return 0; }
int cudnnDestroyTensorDescriptor(Tensor *made) { fake_count("destroyed"); delete made; return 0; }
int cudnnCreateFilterDescriptor(Tensor **made) { fake_count("made"); *made = new Tensor{}; return 0; }
int cudnnDestroyFilterDescriptor(Tensor *made) { fake_count("destroyed"); delete made; return 0; }
int cudnnCreateConvolutionDescriptor(Geometry **made) { fake_count("made"); *made = new Geometry{}; return 0; }
int cudnnDestroyConvolutionDescriptor(Geometry *made) { fake_count("destroyed"); delete made; return 0; }
// NHWC is format 1; bf16 is type 9.
int cudnnSetTensor4dDescriptor(Tensor *t, int format, int type, int n, int c, int h, int w) {
    *t = {type == 9, n, c, h, w};
    return format == 1 ? 0 : NOT_SUPPORTED;
}
int cudnnSetFilter4dDescriptor(Tensor *t, int type, int format, int k, int c, int h, int w) {
    return cudnnSetTensor4dDescriptor(t, format, type, k, c, h, w);
}
int cudnnSetConvolution2dDescriptor(Geometry *g, int ph, int pw, int sh, int sw, int dh, int dw, int mode, int type) {
    *g = {{ph, pw}, {sh, sw}, 0};
    return mode == 1 && type == 0 && dh == 1 && dw == 1 ? 0 : NOT_SUPPORTED;
}
int cudnnSetConvolutionMathType(Geometry *g, int math) { g->math = math; return 0; }

// Three algorithms: 0, the fastest, adds in no fixed order; 1 and 4 do. None for odd channels, as where vector loads do
// not fit. What is said of the arithmetic is the default, whatever was asked for.
struct Answer { int algo, status; float time; size_t memory; int determinism, math, reserved[3]; };
static int answers(const Tensor *x, const Tensor *y, const Geometry *g, int room, int *count, Answer *to) {
    fake_count("cudnnGetAlgorithm");
    if (int failure = fake_failure("cudnnGetAlgorithm")) return failure;
    if (x->c % 4 || y->c % 4) return NOT_SUPPORTED;
    if (room < 3) return 2000;
    to[0] = {0, 0, 1, 0, 0, 0, {}};
    to[1] = {1, 0, 2, 7, 1, 0, {}};
    to[2] = {4, 0, 3, 7, 1, 0, {}};
    *count = 3;
    return 0;
}
static size_t wanted(int algo) { return algo == 1 ? 1000 : 3000; }
static int workspace(const Tensor *x, const Tensor *y, int algo, size_t *bytes) {
    fake_count("cudnnGetWorkspaceSize");
    if (int failure = fake_failure("cudnnGetWorkspaceSize")) return failure;
    if (x->c % 4 || y->c % 4 || (algo != 1 && algo != 4)) return NOT_SUPPORTED;
    *bytes = wanted(algo);
    return 0;
}
int cudnnGetConvolutionForwardWorkspaceSize(Dnn *, Tensor *x, Tensor *, Geometry *, Tensor *y, int algo, size_t *bytes) {
    return workspace(x, y, algo, bytes);
}
int cudnnGetConvolutionBackwardDataWorkspaceSize(Dnn *, Tensor *, Tensor *dy, Geometry *, Tensor *dx, int algo, size_t *bytes) {
    return workspace(dx, dy, algo, bytes);
}
int cudnnGetConvolutionBackwardFilterWorkspaceSize(Dnn *, Tensor *x, Tensor *dy, Geometry *, Tensor *, int algo, size_t *bytes) {
    return workspace(x, dy, algo, bytes);
}
int cudnnGetConvolutionForwardAlgorithm_v7(Dnn *, Tensor *x, Tensor *, Geometry *g, Tensor *y, int room, int *count, Answer *to) {
    return answers(x, y, g, room, count, to);
}
int cudnnGetConvolutionBackwardDataAlgorithm_v7(Dnn *, Tensor *, Tensor *dy, Geometry *g, Tensor *dx, int room, int *count, Answer *to) {
    return answers(dx, dy, g, room, count, to);
}
int cudnnGetConvolutionBackwardFilterAlgorithm_v7(Dnn *, Tensor *x, Tensor *dy, Geometry *g, Tensor *, int room, int *count, Answer *to) {
    return answers(x, dy, g, room, count, to);
}

extern "C++" {
// Calls f with the places in x, w and y of every product of the convolution.
template <typename F> static void each(const Tensor &x, const Tensor &w, const Tensor &y, const Geometry &g, F f) {
    for (int n = 0; n < y.n; n++)
        for (int i = 0; i < y.h; i++)
            for (int j = 0; j < y.w; j++)
                for (int a = 0; a < w.h; a++)
                    for (int b = 0; b < w.w; b++) {
                        int row = i * g.stride[0] + a - g.pad[0], column = j * g.stride[1] + b - g.pad[1];
                        if (row < 0 || row >= x.h || column < 0 || column >= x.w) continue;
                        for (int o = 0; o < y.c; o++)
                            for (int c = 0; c < x.c; c++)
                                f((((size_t)n * x.h + row) * x.w + column) * x.c + c,
                                  (((size_t)o * w.h + a) * w.w + b) * w.c + c,
                                  (((size_t)n * y.h + i) * y.w + j) * y.c + o);
                    }
}
}
static size_t size(const Tensor &t) { return (size_t)t.n * t.c * t.h * t.w; }
static bool fits(const Tensor &x, const Tensor &w, const Tensor &y, const Geometry &g) {
    return g.pad[0] < w.h && g.pad[1] < w.w && y.h == (x.h + 2 * g.pad[0] - w.h) / g.stride[0] + 1 && y.w == (x.w + 2 * g.pad[1] - w.w) / g.stride[1] + 1 &&
           x.n == y.n && w.n == y.c && w.c == x.c && x.kind == w.kind && x.kind == y.kind;
}

static int convolve(const char *name, Dnn *handle, const float *alpha, const float *beta, Tensor *xd, void *x, Tensor *wd,
                    void *w, Tensor *yd, void *y, Geometry *gd, int algo, void *work, size_t bytes, int which) {
    fake_count(name);
    if (fake_lost()) return 5000;
    if (int failure = fake_failure(name)) return failure;
    Tensor xt = *xd, wt = *wd, yt = *yd;
    Geometry g = *gd;
    float keep = *beta;
    if (*alpha != 1 || bytes < wanted(algo) || !work || !fits(xt, wt, yt, g)) return 2000;
    if (algo != 1 && algo != 4) return NOT_SUPPORTED;
    fake_count(algo == 1 ? "cudnn algorithm 1" : "cudnn algorithm 4");
    // The default would round factors of f32.
    if (g.math == 3) fake_count("cudnn exact");
    return enqueue(handle->stream, [=] {
        memset(work, 0x5A, bytes);
        const Tensor &t = which == 0 ? xt : which == 1 ? wt : yt;
        void *to = which == 0 ? x : which == 1 ? w : y;
        std::vector<double> sums(size(t));
        int kind = t.kind;
        each(xt, wt, yt, g, [&](size_t i, size_t j, size_t k) {
            if (which == 0) sums[i] += (double)load(w, kind, j) * load(y, kind, k);
            else if (which == 1) sums[j] += (double)load(x, kind, i) * load(y, kind, k);
            else sums[k] += (double)load(x, kind, i) * load(w, kind, j);
        });
        for (size_t i = 0; i < sums.size(); i++) blend(to, kind, i, sums[i], keep);
        return 0;
    });
}
int cudnnConvolutionForward(Dnn *h, const float *alpha, Tensor *xd, void *x, Tensor *wd, void *w, Geometry *g, int algo,
                            void *work, size_t bytes, const float *beta, Tensor *yd, void *y) {
    return convolve("cudnnConvolutionForward", h, alpha, beta, xd, x, wd, w, yd, y, g, algo, work, bytes, 2);
}
int cudnnConvolutionBackwardData(Dnn *h, const float *alpha, Tensor *wd, void *w, Tensor *yd, void *y, Geometry *g, int algo,
                                 void *work, size_t bytes, const float *beta, Tensor *xd, void *x) {
    return convolve("cudnnConvolutionBackwardData", h, alpha, beta, xd, x, wd, w, yd, y, g, algo, work, bytes, 0);
}
int cudnnConvolutionBackwardFilter(Dnn *h, const float *alpha, Tensor *xd, void *x, Tensor *yd, void *y, Geometry *g, int algo,
                                   void *work, size_t bytes, const float *beta, Tensor *wd, void *w) {
    return convolve("cudnnConvolutionBackwardFilter", h, alpha, beta, xd, x, wd, w, yd, y, g, algo, work, bytes, 1);
}

}  // extern "C"
