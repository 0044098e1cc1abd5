/* model: descriptions as text and as JSON, every refusal, the zoo, counts against hand-made sums. */
#include "test.h"

#include "cull/model.h"
#include "cull/report.h"

static cull_model *from(cull_ctx *cx, const char *text)
{
    const cull_model_opts o = {.size = sizeof o, .shapes_only = true};
    cull_model *m;
    ok(cx, cull_model_from(cx, text, strlen(text), "net.model", &o, &m));
    return m;
}

static cull_model *zoo(cull_ctx *cx, const char *name)
{
    cull_model *m;
    ok(cx, cull_model_open(cx, name, NULL, &m));
    return m;
}

/* ---- what is refused: by file and line, what is wrong and what would be right ---- */

static const struct {
    const char *text, *part;
} wrong[] = {
    /* the head */
    {"input 4\nlinear(3)",
     "net.model:2: linear has parameters, and wants a name: NAME = linear(...)"},
    {"relu", "net.model: the shape of the input is not given: write a line 'input 32x32x3'"},
    {"", "net.model: there is no layer"},
    {"# nothing\n\n", "net.model: there is no layer"},
    {"input 3x3\nrelu", "net.model:1: '3x3' is no shape of an input"},
    {"input 0x3x3\nrelu", "'0x3x3' is no shape of an input; it is HEIGHTxWIDTHxCHANNELS"},
    {"input 3x3x3x3\nrelu", "'3x3x3x3' is no shape"},
    {"input 33554432\nrelu", "each from 1 to 16777216"},
    {"input 4\ninput 5\nrelu", "net.model:2: the input is given twice"},
    {"input 4 5\nrelu", "net.model:1: '5' is too much on this line"},
    {"input 4\noutputs 0\nrelu", "outputs wants a whole number from 1"},
    {"input 4\noutputs 4\noutputs 4\nrelu", "net.model:3: the number of outputs is given twice"},
    {"input 4\noutputs 5\nrelu", "net.model:3: the last layer gives 4, and outputs is 5"},
    {"input 2x2x3\noutputs 5\nrelu", "the last layer gives 2x2x3, and outputs is 5"},
    {"input 4\nmean 0.5 x\nrelu", "net.model:2: mean wants a number for each channel"},
    {"input 4\nmean\nrelu", "net.model:2: mean wants a number for each channel"},
    {"input 4\nstd 0\nrelu", "net.model:2: std wants a number above 0 for each channel"},
    {"input 2x2x3\nmean 1 2\nrelu", "mean has 2 numbers; the input has 3 channels"},
    {"input 2x2x3\nmean 1\nstd 1 2 3\nrelu", "mean has 1 numbers and std has 3"},
    {"input 4\nmean 1\nmean 1\nrelu", "net.model:3: mean is given twice"},
    {"model a b\ninput 4\nrelu", "'b' is too much"},
    {"model a\nmodel b\ninput 4\nrelu", "net.model:2: the model has the name a already"},
    {"model in\ninput 4\nrelu", "the name of the model 'in' is a word of the language"},
    /* numbers */
    {"let n\ninput 4\nrelu", "net.model:1: let n wants '=' and a value"},
    {"let n = 1\nlet n = 2\ninput 4\nrelu", "net.model:2: n has a value already, on line 1"},
    {"let n = m\ninput 4\nrelu", "net.model:1: let n: no number 'm' is known here"},
    {"let width = 2\ninput 4\na = linear(widht)",
     "no number 'widht' is known; did you mean 'width'?"},
    {"input 4\na = linear(outputs)",
     "the number of outputs is not given: write a line 'outputs N'"},
    {"let a.b = 2\ninput 4\nrelu", "has a character that is none of letters, digits and _"},
    {"let n = 1 +\ninput 4\nrelu", "net.model:1: n: a number is missing at the end"},
    {"let n = (1\ninput 4\nrelu", "net.model:1: n: a ')' is missing"},
    {"let n = 1 / 0\ninput 4\nrelu", "let n: it divides by 0"},
    {"let n = 1e200 * 1e200\ninput 4\nrelu", "let n: it is no finite number"},
    {"let n = 12x\ninput 4\nrelu", "n: '12x' is no number"},
    {"let n = 1 2\ninput 4\nrelu", "'2' is too much on this line"},
    {"let n = *\ninput 4\nrelu", "a number was expected at '*'"},
    {"let n = ((((((((((((((((((((((((((((((((((1\ninput 4\nrelu", "deeper than 32"},
    /* layers and their inputs */
    {"input 4\nrelo", "net.model:2: no operation 'relo'; did you mean 'relu'?"},
    {"input 4\nquantum", "net.model:2: no operation 'quantum'; docs/model.md lists them"},
    {"input 4\na = relu\na = relu", "net.model:3: there is a layer 'a' already"},
    {"input 4\nconv1 = linear(2)\nrelu convl",
     "no layer 'convl' comes before; did you mean 'conv1'?"},
    {"input 4\nrelu zzzzz", "no layer 'zzzzz' comes before; an input is a layer above, or 'input'"},
    {"input 4\na = relu a", "net.model:2: 'a' reads itself"},
    {"input 4\na = relu b\nb = relu a", "net.model:2: 'b' is read before it is made, on line 3"},
    {"input 4\nadd", "net.model:2: add reads 2 to 8 layers, not 1: name them after it"},
    {"input 4\nrelu input input", "net.model:2: relu reads 1 layer, not 2"},
    {"input 4\nadd input input input input input input input input input",
     "add is given more than 8 inputs"},
    {"input 4\ninput = relu", "the name of a layer 'input' is a word of the language"},
    {"input 4\n.a = relu", "has an empty part between its dots"},
    {"input 4\na..b = relu", "has an empty part between its dots"},
    {"input 4\na = ", "net.model:2: the name of an operation or block is missing"},
    {"input 4\n+ = relu", "the name of an operation or block was expected at '+ = relu'"},
    {"input 4\na = relu )", "')' is too much on this line"},
    /* values */
    {"input 4\na = linear", "net.model:2: linear wants out: linear(out, bias=yes)"},
    {"input 4\na = linear(1, yes, 3)", "linear takes 2 values: linear(out, bias=yes)"},
    {"input 4\na = linear(1, out=2)", "net.model:2: out of linear is given twice"},
    {"input 4\na = linear(outs=2)", "linear has no value 'outs'; did you mean 'out'?"},
    {"input 4\na = linear(2, width=2)", "linear has no value 'width': linear(out, bias=yes)"},
    {"input 4\na = linear(out=2, yes)", "a value without a name follows out=; name it too"},
    {"input 4\na = linear(0)", "net.model:2: out=0 of linear is outside 1 to 16777216"},
    {"input 4\na = linear(2.5)", "out=2.5 of linear is no whole number"},
    {"input 4\na = linear(2, bias=2)", "bias of linear is yes or no, not 2"},
    {"input 4\na = linear(2", "')' is missing after linear("},
    {"input 4\na = linear(2; 3)", "',' or ')' was expected at '; 3)'"},
    {"input 4\ndropout(1)", "p=1 of dropout is outside 0 to 0.999"},
    {"input 4\na = linear(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)",
     "linear is given more than 10 values"},
    /* shapes */
    {"input 4\na = conv(3, 3)",
     "net.model:2: conv a: its input is 4 features, and must be an image"},
    {"input 4x4x3\na = linear(3)", "linear a: its input is an image of 4x4x3; flatten or global"},
    {"input 4x4x3\na = conv(3, 5)", "its input is 4x4x3, which with a pad of 0 is smaller than the "
                                    "window, 5 wide"},
    {"input 4x4x3\na = conv(4, 3, groups=2)", "groups=2 must divide the 3 channels that come"},
    {"input 4x4x4\na = conv(5, 3, groups=2)", "and the 5 that go"},
    {"input 4x4x3\nmax_pool(3, pad=2)", "pad=2 is more than half of the window, which is 3 wide"},
    {"input 4x4x3\na = conv(4, 3, pad=1)\nadd a input",
     "net.model:3: add: input 1 is 4x4x4 and input 2 is 4x4x3; they must have one shape"},
    {"input 4x4x3\na = conv(4, 3)\nconcat a input", "all but channels must agree"},
    {"input 4x4x3\na = flatten\nb = linear(3)\nconcat a b", "input 1 is a flattened image"},
    {"input 4x4x3\nshortcut(2)", "3 channels come and 2 go; an even number is added"},
    {"input 4x4x3\nshortcut(6)", "3 channels come and 6 go"},
    {"input 65536x65536x1\nflatten", "4294967296 features are more than 16777216"},
    /* blocks and repeats */
    {"block relu {\n}\ninput 4\nrelu", "there is an operation 'relu' already"},
    {"block a {\nrelu\n}\nblock a {\nrelu\n}\ninput 4\nb = a", "net.model:4: there is a block 'a'"},
    {"block a {\nblock b {\n}\n}\ninput 4\nrelu", "net.model:2: a block cannot hold another"},
    {"block a {\ninput 4\n}\nrelu", "net.model:2: 'input' stands outside of blocks"},
    {"block a {\n}\ninput 4\nrelu", "net.model:2: block a has no layer"},
    {"block a {\nrelu\ninput 4", "'input' stands outside of blocks"},
    {"input 4\nblock a {\nrelu\n", "net.model:2: block a is not closed by '}'"},
    {"input 4\n}\nrelu", "net.model:2: '}' closes no block"},
    {"block a(x\nrelu\n}\ninput 4\nrelu", "net.model:1: ')' is missing after the parameters of a"},
    {"block a\nrelu\n}\ninput 4\nrelu", "net.model:1: '{' is missing after block a"},
    {"block a(x, x) {\nrelu\n}\ninput 4\nrelu", "block a has two parameters 'x'"},
    {"block a(x=1, y) {\nrelu\n}\ninput 4\nrelu", "'y' follows a parameter with a default"},
    {"block a {\nrelu\n}\ninput 4\na", "net.model:5: block a wants a name: NAME = a(...)"},
    {"block a {\nrelu\n}\ninput 4\nx = a input input", "block a reads one layer, not 2"},
    {"block a(c) {\nrelu\n}\ninput 4\nx = a", "a wants c: a(c)"},
    {"block a(c) {\nrelu\n}\ninput 4\nx = a(1, 2)", "a takes 1 value: a(c)"},
    {"block a {\nx = b\n}\nblock b {\nrelu\n}\ninput 4\ny = a",
     "net.model:2: block b is used before it is defined, on line 4"},
    {"block a {\nx = a\n}\ninput 4\ny = a", "net.model:2: block a holds itself"},
    {"block basic {\nrelu\n}\ninput 4\ny = basik", "did you mean 'basic'?"},
    {"input 4\nrepeat 2 relu", "repeat wants a name: NAME = repeat ... relu"},
    {"input 4\na = repeat 0 relu", "repeat 0 of relu is no whole number from 1 to 1000"},
    {"input 4\na = repeat 1.5 relu", "repeat 1.5 of relu is no whole number"},
    {"input 4\na = repeat 2 from -1 relu", "from -1 of relu is no whole number from 0"},
    {"input 4\na = relu\na = repeat 2 relu", "net.model:3: there is a layer 'a' already"},
    {"input 4\na = repeat 2 relu\na = repeat 2 relu", "there is a layer 'a.0' already"},
    {"input 4\na = repeat 2 add input input", "repeat goes on from one layer, not from 2"},
    {"input 4\na = repeat 2", "the name of an operation or block is missing"},
};

static void refusals(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_model *m;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *t = wrong[i].text;
        refused(cx, cull_model_from(cx, t, strlen(t), "net.model", NULL, &m), CULL_EINPUT,
                wrong[i].part);
        assert_null(m);
    }
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

static const struct {
    const char *text, *part;
} wrong_json[] = {
    {"{", "net.model: byte 1: damaged JSON"},
    {"{}", "net.model: there is no list \"layers\""},
    {"{\"layers\":[]}", "net.model: the model has no layer"},
    {"{\"layers\":3}", "\"layers\" must be a list"},
    {"{\"layer\":[]}",
     "'layer' is none of model, input, outputs, mean, std, let, blocks and layers"},
    {"{\"layers\":[],\"layers\":[]}", "has 'layers' twice"},
    {"{\"layers\":[{\"op\":\"relu\"}]}", "the shape of the input is not given"},
    {"{\"input\":[2,2],\"layers\":[{\"op\":\"relu\"}]}", "[features] or [height, width, channels]"},
    {"{\"input\":[2.5],\"layers\":[{\"op\":\"relu\"}]}", "[features] or [height, width, channels]"},
    {"{\"input\":[4],\"outputs\":\"3\",\"layers\":[{\"op\":\"relu\"}]}",
     "\"outputs\" must be a whole"},
    {"{\"input\":[4],\"std\":[0],\"layers\":[{\"op\":\"relu\"}]}",
     "\"std\" wants a number above 0"},
    {"{\"input\":[4],\"layers\":[{\"op\":3}]}", "net.model: layer 1: \"op\" must be a string"},
    {"{\"input\":[4],\"layers\":[{\"name\":\"a\"}]}", "layer 1: it has no \"op\""},
    {"{\"input\":[4],\"layers\":[{\"op\":\"relu\",\"x\":1}]}", "layer 1: 'x' is none of name, op"},
    {"{\"input\":[4],\"layers\":[{\"op\":\"relu\"},{\"op\":\"relo\"}]}",
     "layer 2: no operation 'relo'"},
    {"{\"input\":[4],\"layers\":[{\"op\":\"relu\",\"from\":1}]}", "\"from\" wants a \"repeat\""},
    {"{\"input\":[4],\"layers\":[{\"op\":\"linear\",\"name\":\"a\",\"values\":[null]}]}",
     "a value is a number, true, false or a string"},
    {"{\"input\":[4],\"layers\":[{\"op\":\"linear\",\"name\":\"a\",\"values\":[\"2 +\"]}]}",
     "values: a number is missing"},
    {"{\"input\":[4],\"layers\":[{\"op\":\"linear\",\"name\":\"a\",\"values\":[\"2 3\"]}]}",
     "values: ' 3' is too much"},
    {"{\"input\":[4],\"layers\":[{\"op\":\"relu\",\"inputs\":[\"b\"]},{\"op\":\"relu\",\"name\":"
     "\"b\"}]}",
     "layer 1: 'b' is read before it is made, by layer 2; move it up"},
    {"{\"input\":[4],\"blocks\":{\"a\":{\"layers\":[{\"op\":\"relo\"}]}},\"layers\":[{\"op\":\"a\","
     "\"name\":\"x\"}]}",
     "net.model: layer 1 of block a: no operation 'relo'"},
    {"{\"input\":[4],\"blocks\":{\"relu\":{\"layers\":[]}},\"layers\":[]}",
     "operation 'relu' already"},
    {"{\"input\":[4],\"blocks\":{\"a\":3},\"layers\":[]}", "block a must be an object"},
    {"{\"input\":[4],\"let\":{\"a.b\":1},\"layers\":[{\"op\":\"relu\"}]}",
     "the name of a number 'a.b'"},
    {"{\"input\":[4],\"let\":{\"a\":\"b\"},\"layers\":[{\"op\":\"relu\"}]}",
     "let a: no number 'b'"},
};

static void refusals_of_json(void **state)
{
    (void)state;
    hooks h = {0};
    cull_ctx *cx = hooked_ctx(&h, 1);
    cull_model *m;
    for (size_t i = 0; i < sizeof wrong_json / sizeof *wrong_json; i++) {
        const char *t = wrong_json[i].text;
        refused(cx, cull_model_from(cx, t, strlen(t), "net.model", NULL, &m), CULL_EINPUT,
                wrong_json[i].part);
    }
    cull_ctx_free(cx);
    assert_int_equal(h.live, 0);
}

/* Texts that would take long, or much memory, are refused before they do. */
static void limits(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_model *m;
    size_t room = 2 << 20;
    char *t = malloc(room);
    assert_non_null(t);
    memset(t, '\n', room);
    refused(cx, cull_model_from(cx, t, room, "net.model", NULL, &m), CULL_EINPUT,
            "a model has at most 1048576 in 10000");
    refused(cx, cull_model_from(cx, t, 20000, "net.model", NULL, &m), CULL_EINPUT, "at most");
    refused(cx, cull_model_from(cx, "input 4\nre\0lu", 13, "net.model", NULL, &m), CULL_EINPUT,
            "it is no text");
    /* 1000 of 1000 layers; 17 blocks in one another */
    const char *many = "block a {\nx = repeat 1000 relu\n}\ninput 4\ny = repeat 1000 a";
    refused(cx, cull_model_from(cx, many, strlen(many), "net.model", NULL, &m), CULL_EINPUT,
            "there are more than 10000 layers");
    size_t n = (size_t)sprintf(t, "input 4\nblock b0 {\nrelu\n}\n");
    for (int i = 1; i <= 17; i++)
        n += (size_t)sprintf(t + n, "block b%d {\nx = b%d\n}\n", i, i - 1);
    n += (size_t)sprintf(t + n, "y = b17");
    refused(cx, cull_model_from(cx, t, n, "net.model", NULL, &m), CULL_EINPUT,
            "blocks are more than 16 deep");
    const cull_model_opts o = {.size = sizeof o, .shapes_only = true};
    const char *wide = "input 16777216\na = linear(16777216)\nb = linear(16777216)";
    refused(cx, cull_model_from(cx, wide, strlen(wide), "net.model", &o, &m), CULL_EINPUT,
            "a.weight has 2.81e+14 numbers, more than 2^40");
    free(t);
    cull_ctx_free(cx);
}

/* ---- what is read ---- */

static const char all[] = "# a comment\n"
                          "model odd-net.v2\n"
                          "  input 9x7x3   # with a comment\r\n"
                          "outputs 5\n"
                          "mean 0.1 -0.25 3e-05\n"
                          "std 0.485\t1 2\n"
                          "let n = 2\n"
                          "let wide = (n + 1) * 4 - 2 / 2\n"
                          "block twice(c, stride=1) {\n"
                          "a = conv(c, 3, stride, pad=1, bias=no)\n"
                          "b = conv(c, 1, groups=in/c)\n"
                          "add a b\n"
                          "}\n"
                          "block outer(c) {\n"
                          "    inner = twice(c)\n"
                          "    leaky_relu(0.2)\n"
                          "}\n"
                          "stem.0 = conv(wide, 3)\n"
                          "stem.1 = batch_norm(momentum=0.05)\n"
                          "relu\n"
                          "stage = repeat n twice(wide, 2 then 1)\n"
                          "stage = repeat n + 1 from 2 outer(wide)\n"
                          "side = max_pool(3, 1, pad=1) stage.1\n"
                          "concat stage side\n"
                          "drop = dropout(p=0.25)\n"
                          "flatten\n"
                          "head = linear(outputs, bias=no)\n";

static void reads(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_model *m;
    const float *mean, *std;
    int64_t dim[3];
    ok(cx, cull_model_from(cx, all, strlen(all), "net.model", NULL, &m));
    assert_string_equal(cull_model_name(m), "odd-net.v2");
    assert_int_equal(cull_model_input(m, dim), 3);
    assert_true(dim[0] == 9 && dim[1] == 7 && dim[2] == 3);
    assert_int_equal(cull_model_output(m, dim), 1);
    assert_int_equal(dim[0], 5);
    assert_true(cull_model_scaling(m, &mean, &std));
    assert_true(mean[1] == -0.25f && mean[2] == 3e-05f && std[0] == 0.485f && std[2] == 2);
    cull_params *p = cull_model_params(m);
    static const struct {
        const char *name;
        int rank;
        int64_t dim[4];
    } want[] = {
        {"stem.0.weight", 4, {11, 3, 3, 3}}, {"stem.0.bias", 1, {11}},
        {"stem.1.running_var", 1, {11}},     {"stage.0.a.weight", 4, {11, 3, 3, 11}},
        {"stage.1.b.bias", 1, {11}},         {"stage.4.inner.b.weight", 4, {11, 1, 1, 11}},
        {"head.weight", 2, {5, 4 * 3 * 22}},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        int at = cull_params_find(p, want[i].name);
        if (at < 0) fail_msg("no %s", want[i].name);
        const cull_param *q = cull_params_at(p, at);
        assert_int_equal(q->rank, want[i].rank);
        for (int k = 0; k < q->rank; k++) assert_int_equal(q->dim[k], want[i].dim[k]);
    }
    assert_int_equal(cull_params_find(p, "head.bias"), -1);
    assert_int_equal(cull_params_find(p, "stage.0.a.bias"), -1);
    assert_int_equal(cull_model_find(m, "stage"), cull_model_find(m, "stage.4"));
    assert_true(cull_model_find(m, "stage.1") > cull_model_find(m, "stage.0"));
    assert_int_equal(cull_model_find(m, "nothing"), -1);
    /* stride 2 then 1: 7x5 becomes 4x3, once */
    cull_model_stat s = cull_model_count(m, cull_model_find(m, "stage.0"));
    assert_true(s.dim[0] == 4 && s.dim[1] == 3 && s.dim[2] == 11);
    s = cull_model_count(m, cull_model_find(m, "stage.1"));
    assert_true(s.dim[0] == 4 && s.dim[1] == 3);
    cull_model_free(m);
    cull_ctx_free(cx);
}

/* text -> JSON -> text says the same, and so does the text of what was read. */
static void round_trip(void **state)
{
    (void)state;
    static const char *const names[] = {"lenet", "mlp:7-5-3", "autoencoder:9-5-2", "resnet32",
                                        "mobilenet-small"};
    cull_ctx *cx = cull_ctx_new(NULL);
    for (size_t i = 0; i < 6; i++) {
        cull_model *m = i < 5 ? zoo(cx, names[i]) : from(cx, all), *again;
        char *text, *json, *back, *twice;
        ok(cx, cull_model_text(cx, m, false, &text));
        ok(cx, cull_model_text(cx, m, true, &json));
        assert_int_equal(json[0], '{');
        ok(cx, cull_model_from(cx, json, strlen(json), "net.json", NULL, &again));
        ok(cx, cull_model_text(cx, again, false, &back));
        assert_string_equal(text, back);
        assert_int_equal(cull_model_layers(m), cull_model_layers(again));
        assert_int_equal(cull_model_totals(m).params, cull_model_totals(again).params);
        cull_model_free(again);
        ok(cx, cull_model_from(cx, text, strlen(text), "net.model", NULL, &again));
        ok(cx, cull_model_text(cx, again, false, &twice));
        assert_string_equal(text, twice);
        cull_model_free(again);
        cull_model_free(m);
        cull_text_free(text);
        cull_text_free(json);
        cull_text_free(back);
        cull_text_free(twice);
    }
    cull_ctx_free(cx);
}

static void asked_for(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_model *m;
    int64_t dim[3];
    cull_model_opts o = {.size = sizeof o, .rank = 3, .dim = {28, 28, 1}, .outputs = 7};
    ok(cx, cull_model_open(cx, "mlp:784-30-10", &o, &m));
    assert_int_equal(cull_model_input(m, dim), 3);
    cull_model_output(m, dim);
    assert_int_equal(dim[0], 7);
    char *text;
    ok(cx, cull_model_text(cx, m, false, &text));
    assert_non_null(strstr(text, "input 28x28x1\noutputs 7\n"));
    cull_text_free(text);
    cull_model_free(m);
    const float *mean, *std;
    ok(cx, cull_model_open(cx, "resnet20", &o, &m)); /* one channel: the scaling of three goes */
    assert_false(cull_model_scaling(m, &mean, &std));
    cull_model_free(m);
    o.dim[2] = 0;
    refused(cx, cull_model_open(cx, "lenet", &o, &m), CULL_EOPTION, "each from 1");
    o = (cull_model_opts){.size = sizeof o, .rank = 2};
    refused(cx, cull_model_open(cx, "lenet", &o, &m), CULL_EOPTION, "1 or 3 dimensions");
    o = (cull_model_opts){.size = sizeof o, .outputs = -1};
    refused(cx, cull_model_open(cx, "lenet", &o, &m), CULL_EOPTION, "-1 outputs");
    o = (cull_model_opts){.size = 3};
    refused(cx, cull_model_open(cx, "lenet", &o, &m), CULL_EOPTION, "cull_model_opts of 3 bytes");
    refused(cx, cull_model_open(cx, "lenett", NULL, &m), CULL_EINPUT, "did you mean lenet");
    refused(cx, cull_model_open(cx, "frobnicate", NULL, &m), CULL_EINPUT, "which has lenet, mlp");
    refused(cx, cull_model_open(cx, "resnet21", NULL, &m), CULL_EINPUT, "6 n + 2 layers");
    refused(cx, cull_model_open(cx, "mlp:5", NULL, &m), CULL_EINPUT, "2 to 64 widths");
    refused(cx, cull_model_open(cx, "mlp:5-x", NULL, &m), CULL_EINPUT, "2 to 64 widths");
    refused(cx, cull_model_open(cx, "autoencoder:5-", NULL, &m), CULL_EINPUT, "2 to 64 widths");
    refused(cx, cull_model_open(cx, "none.model", NULL, &m), CULL_EIO, "none.model");
    cull_ctx_free(cx);
}

/* The starts, by their bounds and variances; the same numbers for the same seed and name. */
static void starts(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    for (int he = 0; he < 3; he++) {
        static const cull_model_start start[] = {CULL_MODEL_TORCH, CULL_MODEL_HE,
                                                 CULL_MODEL_GLOROT};
        const cull_model_opts o = {.size = sizeof o, .start = start[he]};
        cull_model *m;
        ok(cx, cull_model_open(cx, "mlp:300-200-10", &o, &m));
        cull_params *p = cull_model_params(m);
        const cull_param *w = cull_params_at(p, cull_params_find(p, "fc1.weight"));
        const cull_param *b = cull_params_at(p, cull_params_find(p, "fc1.bias"));
        const float *v = cull_params_value(p);
        double most = 0, squares = 0, bias = 0;
        for (int64_t i = 0; i < w->n; i++) {
            most = fmax(most, fabs((double)v[w->at + i]));
            squares += (double)v[w->at + i] * (double)v[w->at + i];
        }
        for (int64_t i = 0; i < b->n; i++) bias = fmax(bias, fabs((double)v[b->at + i]));
        double bound = 1 / sqrt(300.), variance = bound * bound / 3;
        if (he) variance = 2 / (he == 1 ? 300. : 500.);
        /* 60000 draws: the variance is known to sqrt(2 / 60000) < 0.6 % */
        assert_true(fabs(squares / (double)w->n / variance - 1) < 0.03);
        if (!he) assert_true(most <= bound && most > 0.999 * bound);
        if (!he) assert_true(bias <= bound && bias > 0.9 * bound);
        if (he) assert_true(bias == 0);
        cull_model_free(m);
    }
    cull_ctx_free(cx);
}

/* ---- counts ---- */

static void counts(void **state)
{
    (void)state;
    cull_ctx *cx = cull_ctx_new(NULL);
    cull_model *m = zoo(cx, "resnet20");
    cull_model_total t = cull_model_totals(m);
    /* stem, then three stages of 6 convolutions, the first of the later ones from half the channels */
    double macs = 32 * 32 * 9 * 3 * 16 + 6 * 32. * 32 * 9 * 16 * 16;
    macs += 16 * 16 * 9 * 16. * 32 + 5 * 16. * 16 * 9 * 32 * 32;
    macs += 8 * 8 * 9 * 32. * 64 + 5 * 8. * 8 * 9 * 64 * 64 + 64 * 10;
    int64_t weights = 9 * 3 * 16 + 6 * 9 * 16 * 16 + 9 * 16 * 32 + 5 * 9 * 32 * 32;
    weights += 9 * 32 * 64 + 5 * 9 * 64 * 64 + 64 * 10 + 10;
    int64_t channels = 16 * 7 + 32 * 6 + 64 * 6;
    assert_true(t.macs == macs);
    assert_true(macs > 40.5e6 && macs < 41e6);
    assert_int_equal(t.params, weights + 2 * channels);
    assert_int_equal(t.state, 2 * channels);
    assert_int_equal(t.params + t.state, 271098);
    assert_int_equal(t.params, cull_params_trained(cull_model_params(m)));
    /* modules: a stage is the sum of its blocks */
    cull_model_stat s, stage = {0}, sum = {0};
    int modules = 0;
    for (; cull_model_module(m, modules, &s); modules++) {
        if (!strcmp(s.name, "layer2")) stage = s;
        if (strncmp(s.name, "layer2.", 7)) continue;
        sum.macs += s.macs;
        sum.params += s.params;
        sum.values += s.values;
    }
    assert_int_equal(modules, 12);
    assert_true(stage.macs == sum.macs && stage.macs == 16 * 16 * 9. * (16 * 32 + 5 * 32 * 32));
    assert_int_equal(stage.params, sum.params);
    assert_int_equal(stage.params, 9 * 16 * 32 + 5 * 9 * 32 * 32 + 2 * 32 * 6);
    assert_int_equal(stage.values, sum.values);
    assert_true(stage.dim[0] == 16 && stage.dim[1] == 16 && stage.dim[2] == 32);
    cull_model_free(m);

    m = from(cx,
             "input 4x4x2\na = conv(6, 3, pad=1, groups=2)\nmax_pool(2)\nflatten\nb = linear(3)");
    t = cull_model_totals(m);
    assert_int_equal(t.params, 6 * 9 + 6 + 24 * 3 + 3);
    assert_true(t.macs == 4 * 4 * 6 * 9 + 24 * 3);
    assert_int_equal(t.training_values, 96 + 24 + 3);
    assert_int_equal(t.forward_values,
                     96 + 24); /* the pool's input goes, its output is flatten's */
    assert_null(cull_model_params(m));
    cull_model_free(m);
    /* a branch that the output does not need costs nothing */
    m = from(cx, "input 5\na = linear(3)\nb = linear(7) a\nc = linear(2) a");
    t = cull_model_totals(m);
    assert_true(t.macs == 5 * 3 + 3 * 2);
    assert_int_equal(t.params, 18 + 28 + 8);
    cull_model_free(m);
    cull_ctx_free(cx);
}

/* Of every allocation that can fail: said, and nothing is left. */
static void no_memory(void **state)
{
    (void)state;
    cull_status s = CULL_ENOMEM;
    int failed = 0;
    for (long k = 2; s != CULL_OK; k++) {
        hooks h = {.fail_at = k};
        cull_ctx *cx = hooked_ctx(&h, 1);
        cull_model *m = NULL;
        char *json = NULL;
        s = cx ? cull_model_from(cx, all, strlen(all), "net.model", NULL, &m) : CULL_ENOMEM;
        if (s == CULL_OK) s = cull_model_text(cx, m, true, &json);
        assert_true(s == CULL_OK || s == CULL_ENOMEM);
        failed += s != CULL_OK;
        cull_text_free(json);
        cull_model_free(m);
        cull_ctx_free(cx);
        assert_int_equal(h.live, 0);
    }
    assert_true(failed > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refusals), cmocka_unit_test(refusals_of_json), cmocka_unit_test(limits),
        cmocka_unit_test(reads),    cmocka_unit_test(round_trip),       cmocka_unit_test(asked_for),
        cmocka_unit_test(starts),   cmocka_unit_test(counts),           cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
