package exchange_test

import (
	"strings"
	"testing"

	"tandem/web/webtest"
)

// What settings may not say, in nginx's words; sizes that are not written follow from
// the others.
func TestSettingsMistakes(t *testing.T) {
	const largest = ` must be equal to or greater than the maximum of the value of "proxy_buffer_size" and one of the "proxy_buffers"`
	for directives, want := range map[string]string{
		"proxy_buffers 1 4k;":                                 `there must be at least 2 "proxy_buffers"`,
		"proxy_buffers 4;":                                    `invalid number of arguments in "proxy_buffers" directive`,
		"proxy_buffers x 4k;":                                 `"proxy_buffers" directive invalid value`,
		"proxy_buffers 4 x;":                                  `"proxy_buffers" directive invalid value`,
		"proxy_buffer_size x;":                                `"proxy_buffer_size" directive invalid value`,
		"proxy_buffer_size 4k; proxy_buffer_size 4k;":         `"proxy_buffer_size" directive is duplicate`,
		"proxy_busy_buffers_size 1k;":                         `"proxy_busy_buffers_size"` + largest,
		"proxy_buffer_size 16k; proxy_buffers 2 4k;":          `"proxy_busy_buffers_size" must be less than the size of all "proxy_buffers" minus one buffer`,
		"proxy_busy_buffers_size 29k;":                        `"proxy_busy_buffers_size" must be less than the size of all "proxy_buffers" minus one buffer`,
		"proxy_temp_file_write_size 1k;":                      `"proxy_temp_file_write_size"` + largest,
		"proxy_max_temp_file_size 1k;":                        `"proxy_max_temp_file_size" must be equal to zero to disable temporary files usage or` + largest,
		"proxy_limit_rate x;":                                 `"proxy_limit_rate" directive invalid value`,
		"proxy_limit_rate $no_such;":                          `unknown "no_such" variable`,
		"proxy_limit_rate 1; proxy_limit_rate 2;":             `"proxy_limit_rate" directive is duplicate`,
		"proxy_next_upstream frob;":                           `invalid value "frob"`,
		"proxy_next_upstream_tries x;":                        `"proxy_next_upstream_tries" directive invalid number`,
		"proxy_next_upstream_timeout x;":                      `"proxy_next_upstream_timeout" directive invalid value`,
		"proxy_ignore_headers Date;":                          `invalid value "Date"`,
		"proxy_force_ranges yes;":                             `invalid value "yes" in "proxy_force_ranges" directive, it must be "on" or "off"`,
		"proxy_hide_header;":                                  `invalid number of arguments in "proxy_hide_header" directive`,
		"proxy_read_timeout x;":                               `"proxy_read_timeout" directive invalid value`,
		"proxy_connect_timeout 1s; proxy_connect_timeout 1s;": `"proxy_connect_timeout" directive is duplicate`,
		`proxy_store "";`:                                     `empty path`,
		"proxy_store on; proxy_store off;":                    `"proxy_store" directive is duplicate`,
		"proxy_store_access user:x;":                          `invalid value "user:x"`,
		"proxy_temp_path temp 1 2 4;":                         `"proxy_temp_path" directive invalid value`,
	} {
		_, _, errs := webtest.Load(t.TempDir(), begin+"location / { proxy_pass http://"+nobody+"; "+directives+" } } }", modules)
		if !errs.Failed() || !strings.HasPrefix(errs[0].Error(), want+" in ") {
			t.Errorf("%s: %v, want %s", directives, errs, want)
		}
	}
	for _, directives := range []string{
		"proxy_buffers 2 4k; proxy_buffer_size 4k; proxy_busy_buffers_size 4k;", "proxy_buffers 3 16k;", "proxy_busy_buffers_size 28k;",
		"proxy_max_temp_file_size 0;", "proxy_max_temp_file_size 4k;", "proxy_limit_rate $arg_r;", "proxy_next_upstream off;",
	} {
		if _, _, errs := webtest.Load(t.TempDir(), begin+"location / { proxy_pass http://"+nobody+"; "+directives+" } } }", modules); len(errs) > 0 {
			t.Errorf("%s: %v", directives, errs)
		}
	}
}
