#include <histedit.h>
#include <stdlib.h>

/* el_set(3) and history(3) take whatever the operation wants; Swift needs one function for each. */

/* On the terminal that is standard input and output; C's names of these are variables. */
static inline EditLine *edit_new(const char *program) { return el_init(program, stdin, stdout, stderr); }
static inline void edit_write(const char *text) {
  fputs(text, stdout);
  fflush(stdout);
}

typedef const char *(*edit_prompt)(EditLine *);
typedef int (*edit_get_character)(EditLine *, wchar_t *);
typedef unsigned char (*edit_command)(EditLine *, int);

static inline int edit_set_prompt(EditLine *el, edit_prompt prompt, wchar_t escape) {
  return el_set(el, EL_PROMPT_ESC, prompt, (int)escape);
}
static inline int edit_set_editor(EditLine *el, const char *editor) { return el_set(el, EL_EDITOR, editor); }
static inline int edit_set_signals(EditLine *el, int handled) { return el_set(el, EL_SIGNAL, handled); }
static inline int edit_set_client_data(EditLine *el, void *data) { return el_set(el, EL_CLIENTDATA, data); }
static inline void *edit_client_data(EditLine *el) {
  void *data = NULL;
  el_get(el, EL_CLIENTDATA, &data);
  return data;
}
static inline int edit_set_get_character(EditLine *el, edit_get_character function) {
  return el_set(el, EL_GETCFN, function);
}
static inline int edit_add_command(EditLine *el, const char *name, const char *help, edit_command command) {
  return el_set(el, EL_ADDFN, name, help, command);
}
static inline int edit_bind(EditLine *el, const char *key, const char *command) {
  return el_set(el, EL_BIND, key, command, NULL);
}
static inline int edit_refresh(EditLine *el) { return el_set(el, EL_REFRESH); }
static inline int edit_use_history(EditLine *el, History *history_) { return el_set(el, EL_HIST, history, history_); }
static inline int edit_prepare_terminal(EditLine *el, int raw) { return el_set(el, EL_PREP_TERM, raw); }

static inline int edit_history_limit(History *h, int entries) {
  HistEvent event;
  return history(h, &event, H_SETSIZE, entries);
}
static inline int edit_history_enter(History *h, const char *line) {
  HistEvent event;
  return history(h, &event, H_ENTER, line);
}
static inline int edit_history_clear(History *h) {
  HistEvent event;
  return history(h, &event, H_CLEAR);
}
