#ifndef CLUASHIMS_H
#define CLUASHIMS_H
/* Nothing outside CLua and CLuaShims may depend on the 5.4.x version. */
int mts_lua_version_number(void);
#endif
